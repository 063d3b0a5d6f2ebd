/** The way of a call in a simulation: what it is, and how faults strike a batch. */
import type { HandlerRequest } from '../../../tools/local/services/handler-http';
import { FaultPlan, type PlannedFault } from '../../../tools/sim/faults';
import { actionOf, Network } from '../../../tools/sim/network';
import { SimWorld } from '../../../tools/sim/sim-world';

const request = (headers: Record<string, string>, body = ''): HandlerRequest => ({
  ...{ method: 'POST', path: '/', host: 'localhost', headers, body: Buffer.from(body) },
});
const signed = (service: string) =>
  `AWS4-HMAC-SHA256 Credential=k/20260115/us-east-1/${service}/aws4_request`;

test.each<[Record<string, string>, string, string]>([
  [{ 'x-amz-target': 'DynamoDB_20120810.GetItem' }, '', 'dynamodb:GetItem'],
  [{ 'x-amz-target': 'Kinesis_20131202.PutRecord' }, '', 'Kinesis_20131202:PutRecord'],
  [{ authorization: signed('sns') }, 'Action=Publish&Message=x', 'sns:Publish'],
  [{ authorization: signed('sns') }, '', 'sns:?'],
  [{}, 'Action=Publish', '?:Publish'],
])('a request with %j is a call of %s %s', (headers, body, action) => {
  expect(actionOf(request(headers, body))).toBe(action);
});

const EVENTS = { 'x-amz-target': 'AWSEvents.PutEvents' };
const STREAM = { 'x-amz-target': 'Firehose_20150804.PutRecordBatch' };

/** @returns the reply to the caller, and what came to the service */
async function struck(
  kind: PlannedFault['kind'],
  headers: Record<string, string>,
  body: object,
  status = 200,
) {
  const world = new SimWorld('1', 0);
  const hop = `caller ${actionOf(request(headers))}`;
  const plan = new FaultPlan([{ id: 'f1', hop, call: 1, kind }]);
  const arrived: { Entries?: unknown[]; Records?: unknown[] }[] = [];
  const network = new Network({ world, plan, onFault: () => {} });
  const service = async (asked: HandlerRequest) => {
    const batch = JSON.parse(asked.body.toString());
    arrived.push(batch);
    const answers = (batch.Entries ?? batch.Records ?? []).map((each: unknown) => ({ each }));
    const answer = batch.Entries
      ? { Entries: answers, FailedEntryCount: 0 }
      : { RequestResponses: answers, FailedPutCount: 0 };
    return { status, headers: {}, body: Buffer.from(JSON.stringify(status === 200 ? answer : {})) };
  };
  const send = network.between('caller', service, () => {});
  const replied = send(request(headers, JSON.stringify(body)));
  let isOver = false;
  const settled = replied.finally(() => {
    isOver = true;
  });
  while (!isOver) await world.step(60_000);
  const reply = await settled;
  const text = reply.body.toString();
  return { status: reply.status, answer: text.startsWith('{') ? JSON.parse(text) : text, arrived };
}

const refused = { ErrorCode: 'InternalFailure', ErrorMessage: 'The entry failed.' };

test('of a batch that partly fails the first entry is refused, and the others are done', async () => {
  expect(await struck('partly-failed', EVENTS, { Entries: [1, 2] })).toEqual({
    ...{ status: 200, arrived: [{ Entries: [2] }] },
    answer: { Entries: [refused, { each: 2 }], FailedEntryCount: 1 },
  });
  expect(await struck('partly-failed', STREAM, { DeliveryStreamName: 's', Records: [1, 2] })).toEqual({
    ...{ status: 200, arrived: [{ DeliveryStreamName: 's', Records: [2] }] },
    answer: { RequestResponses: [refused, { each: 2 }], FailedPutCount: 1 },
  });
});

test('of one whose entries are refused nothing arrives', async () => {
  expect(await struck('entries-refused', EVENTS, { Entries: [1, 2] })).toEqual({
    ...{ status: 200, arrived: [] },
    answer: { Entries: [refused, refused], FailedEntryCount: 2 },
  });
});

test('a service that refuses the rest is answered as it answered', async () => {
  expect(await struck('partly-failed', EVENTS, { Entries: [1, 2] }, 400)).toMatchObject({
    status: 400,
    answer: {},
  });
});

test('a call that is refused does not arrive, and is answered as its service answers', async () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded', authorization: signed('sns') };
  expect(await struck('throttled', form, {})).toEqual({
    ...{ status: 400, arrived: [] },
    answer: expect.stringContaining('<Type>Sender</Type><Code>ThrottlingException</Code>'),
  });
  expect(await struck('refused', form, {})).toMatchObject({
    ...{ status: 500, answer: expect.stringContaining('<Type>Receiver</Type>') },
  });
  expect(await struck('refused', EVENTS, {})).toEqual({
    ...{ status: 500, arrived: [] },
    answer: { __type: 'InternalFailure', message: 'The service failed.' },
  });
});
