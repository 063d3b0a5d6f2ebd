const { SNSClient, PublishCommand } = require('@aws-sdk/client-sns');

const sns = new SNSClient({});
const TOPIC_ARN = process.env.SNS_TOPIC_ARN;

exports.handler = async (event) => {
  console.log('Notification event:', JSON.stringify(event, null, 2));

  const { orderId, status, email, message } = event;

  // Send notification via SNS
  await sns.send(
    new PublishCommand({
      TopicArn: TOPIC_ARN,
      Subject: `Order ${orderId} - ${status}`,
      Message: JSON.stringify({
        email,
        subject: `Order Update: ${orderId}`,
        body: message,
        timestamp: new Date().toISOString(),
      }),
      MessageAttributes: {
        email: {
          DataType: 'String',
          StringValue: email,
        },
      },
    }),
  );

  console.log('Notification sent for order:', orderId);

  return { statusCode: 200 };
};
