const { FirehoseClient, PutRecordCommand } = require('@aws-sdk/client-firehose');

const firehose = new FirehoseClient({});
const STREAM = process.env.FIREHOSE_STREAM;

exports.handler = async (event) => {
  console.log('Analytics event:', JSON.stringify(event, null, 2));

  await firehose.send(
    new PutRecordCommand({
      DeliveryStreamName: STREAM,
      Record: { Data: Buffer.from(`${JSON.stringify(event)}\n`) },
    }),
  );

  console.log('Event recorded:', event.id);

  return { statusCode: 200 };
};
