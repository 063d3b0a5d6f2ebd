/**
 * Runs inside a function's own process (see `lambda-environment.ts`), in the place of Lambda's runtime for Node.js:
 * loads the handler, gives it one event after the other, and sends back what it returned, threw and wrote.
 * Plain JavaScript, since the process must start in milliseconds and see nothing but the function's own code.
 */
'use strict';

const fs = require('node:fs');
const { pathToFileURL } = require('node:url');
const runtime = require('./lambda-handler.cjs');

const { describe } = runtime;
const environment = process.env;
const send = process.send.bind(process);

/** The invocation at hand. */
let requestId;

const machineNow = Date.now;
/** By how much the run's clock was moved, in milliseconds. Less than a minute is none: `--once` stands still. */
const MOVED_MS = 60_000;
let shift = 0;
const runNow = () => machineNow() + shift;

/** Lets the handler live in the run's time, from the first invocation on that finds that time moved. */
function takeTime(now) {
  const ahead = now - machineNow();
  if (shift === 0 && Math.abs(ahead) < MOVED_MS) return;
  if (shift === 0) {
    globalThis.Date = new Proxy(Date, {
      apply: (original) => new original(runNow()).toString(),
      construct: (original, args, target) =>
        Reflect.construct(original, args.length === 0 ? [runNow()] : args, target),
      get: (original, key) => (key === 'now' ? runNow : Reflect.get(original, key)),
    });
  }
  shift = ahead;
}

// The one who started this process decides when it ends: Ctrl-C in the terminal reaches it too.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit(0));
process.on('uncaughtException', (error) => crash(error));
process.on('unhandledRejection', (reason) => crash(runtime.unhandledRejection(reason)));
process.on('local-run:egress-refused', (host) => send({ kind: 'egress-refused', host }));

/**
 * All that the function writes goes to its log in one order, also what it writes to stderr. Writes to a pipe are
 * synchronous, so that even a handler that hangs is heard.
 */
process.stderr.write = process.stdout.write.bind(process.stdout);
const log = runtime.makeLog({
  environment,
  write: (text) => process.stdout.write(text),
  now: runNow,
  requestId: () => requestId,
});
Object.assign(console, log.console);
void initialize();

async function initialize() {
  let handler;
  try {
    handler = await loadHandler(environment._HANDLER, environment.LAMBDA_TASK_ROOT);
  } catch (error) {
    log.error('Uncaught Exception', error);
    send({ kind: 'init-failed', error: describe(error) }, () => process.exit(1));
    return;
  }
  process.on('message', (invocation) => void invoke(handler, invocation));
  send({ kind: 'ready' });
}

async function invoke(handler, invocation) {
  requestId = invocation.requestId;
  environment._X_AMZN_TRACE_ID = invocation.trace;
  if (invocation.now !== undefined) takeTime(invocation.now);
  const done = (message) => {
    // A line that no handler writes tells that all of the invocation's output has been read.
    process.stdout.write(`\n\0${invocation.requestId}\n`);
    send({ ...message, memoryBytes: memoryBytes() });
  };
  try {
    const context = runtime.contextOf(environment, invocation, machineNow);
    const result = await handler(JSON.parse(invocation.payload), context);
    done({ kind: 'succeeded', payload: runtime.serialize(result) });
  } catch (error) {
    log.error('Invoke Error', error);
    done({ kind: 'failed', error: describe(error) });
  }
  requestId = undefined;
}

let [memory, measuredAt] = [0, Number.NEGATIVE_INFINITY];

/** At most once a second: the system takes its time to tell. */
function memoryBytes() {
  const now = performance.now();
  if (now - measuredAt > 1000) [memory, measuredAt] = [process.memoryUsage.rss(), now];
  return memory;
}

async function loadHandler(reference, root) {
  const { base, exportName } = runtime.readReference(reference, root);
  const file = ['.js', '.mjs', '.cjs']
    .map((extension) => base + extension)
    .find((each) => fs.existsSync(each));
  if (!file) throw runtime.notFound(base);
  let module;
  try {
    module = await load(file);
  } catch (error) {
    throw runtime.loadError(error);
  }
  return runtime.exportedHandler(module, exportName, reference);
}

async function load(file) {
  if (file.endsWith('.mjs')) return import(pathToFileURL(file).href);
  try {
    return require(file);
  } catch (error) {
    if (error?.code === 'ERR_REQUIRE_ESM') return import(pathToFileURL(file).href);
    throw error;
  }
}

/** An error that no handler caught: Lambda ends the process, and the invocation fails. */
function crash(error) {
  log.error('Uncaught Exception', error);
  send({ kind: 'crashed', error: describe(error) }, () => process.exit(129));
}
