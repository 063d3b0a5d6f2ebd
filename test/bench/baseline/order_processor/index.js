const { DynamoDBClient } = require('@aws-sdk/client-dynamodb');
const { DynamoDBDocumentClient, PutCommand } = require('@aws-sdk/lib-dynamodb');

const client = new DynamoDBClient({});
const docClient = DynamoDBDocumentClient.from(client);
const TABLE_NAME = process.env.TABLE_NAME;

exports.handler = async (event) => {
  console.log('Processing event:', JSON.stringify(event, null, 2));

  const { detail } = event;

  // Process order
  const order = {
    orderId: detail.orderId,
    customerId: detail.customerId,
    items: detail.items,
    total: detail.total,
    status: 'PENDING',
    createdAt: detail.createdAt,
    processedAt: new Date().toISOString(),
  };

  // Save to DynamoDB
  await docClient.send(
    new PutCommand({
      TableName: TABLE_NAME,
      Item: order,
    }),
  );

  console.log('Order processed:', order.orderId);

  return {
    statusCode: 200,
    body: JSON.stringify({ orderId: order.orderId }),
  };
};
