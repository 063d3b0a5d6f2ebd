/**
 * One execution environment, measured: loads a handler in this fresh process as Lambda's runtime does, calls it, and
 * writes the figures as JSON to file descriptor 3. Plain JavaScript, so that nothing but the handler is loaded.
 *
 * `node handler-process.cjs <module> <file with the event's JSON> <warm calls>`
 * `node --expose-gc handler-process.cjs <module> <file with the event's JSON> heap <numbers of events>` measures the heap
 * instead: at the start and after each number, e.g. `10000,50000`; each event has an order and an id of its own.
 */
'use strict';

const { readFileSync, writeSync } = require('node:fs');
const { setImmediate: nextTurn } = require('node:timers/promises');

const [module_, eventFile, warmCalls, heapMarks = ''] = process.argv.slice(2);
const event = readFileSync(eventFile, 'utf8');
/** Calls before the warm ones are measured, so that V8 has optimized what it will. */
const JIT_CALLS = 600;

const context = (call) => ({
  functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
  functionVersion: '$LATEST',
  invokedFunctionArn: 'arn:aws:lambda:us-east-1:123456789012:function:bench',
  memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
  awsRequestId: `00000000-0000-4000-8000-${String(call).padStart(12, '0')}`,
  logGroupName: '/aws/lambda/bench',
  logStreamName: 'bench',
  getRemainingTimeInMillis: () => 30_000,
});

function clock() {
  const { user, system } = process.cpuUsage();
  return { wall: performance.now(), cpu: (user + system) / 1_000 };
}
const since = (start) => {
  const now = clock();
  return { wallMs: now.wall - start.wall, cpuMs: now.cpu - start.cpu };
};

async function measure() {
  const loading = clock();
  const { handler } = module_.endsWith('.mjs') ? await import(module_) : require(module_);
  // Lambda's runtime asks for the first event in the next turn of the event loop: promises that need no more than that
  // are done by then, a socket's are not.
  await nextTurn();
  const init = since(loading);

  let calls = 0;
  const call = () => handler(JSON.parse(event), context(++calls));
  const calling = clock();
  await call();
  const first = since(calling);
  const peakMb = process.resourceUsage().maxRSS / 1024;

  let warm;
  if (Number(warmCalls) > 0) {
    for (let i = 0; i < JIT_CALLS; i++) await call();
    const start = clock();
    for (let i = 0; i < Number(warmCalls); i++) await call();
    warm = since(start).cpuMs / Number(warmCalls);
  }
  writeSync(3, JSON.stringify({ init, first, peakMb, warmCpuMs: warm, calls }));
  process.exit();
}

/** Bytes that are held after a collection, those outside V8's heap among them. */
async function heldBytes() {
  // A second one collects what finalizers of the first have let go.
  for (let round = 0; round < 2; round++) {
    globalThis.gc();
    await nextTurn();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function measureHeap() {
  const { handler } = await import(module_);
  let calls = 0;
  const call = () => {
    calls++;
    const own = event.replaceAll('ORD-2026-1', `ORD-2026-${calls}`).replaceAll('evt-1', `evt-${calls}`);
    return handler(JSON.parse(own), context(calls));
  };
  // Later than the first event, which makes what all others use.
  for (let i = 0; i < JIT_CALLS; i++) await call();
  const held = [await heldBytes()];
  for (const mark of heapMarks.split(',').map(Number)) {
    while (calls < mark) await call();
    held.push(await heldBytes());
  }
  writeSync(3, JSON.stringify({ held }));
  process.exit();
}

void (warmCalls === 'heap' ? measureHeap() : measure());
