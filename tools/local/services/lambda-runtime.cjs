/**
 * Runs inside a function's own process (see `lambda-environment.ts`), in the place of Lambda's runtime for Node.js:
 * loads the handler, gives it one event after the other, and sends back what it returned, threw and wrote.
 * Plain JavaScript, since the process must start in milliseconds and see nothing but the function's own code.
 */
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { inspect } = require('node:util');
const { pathToFileURL } = require('node:url');

const environment = process.env;
const isJson = environment.AWS_LAMBDA_LOG_FORMAT === 'JSON';
const send = process.send.bind(process);

/** The invocation at hand. */
let requestId;

// The one who started this process decides when it ends: Ctrl-C in the terminal reaches it too.
process.on('SIGINT', () => {});
process.on('disconnect', () => process.exit(0));
process.on('uncaughtException', (error) => crash(error));
process.on('unhandledRejection', (reason) => crash(unhandledRejection(reason)));
process.on('local-run:egress-refused', (host) => send({ kind: 'egress-refused', host }));

mergeOutput();
formatConsole();
void initialize();

async function initialize() {
  let handler;
  try {
    handler = await loadHandler(environment._HANDLER, environment.LAMBDA_TASK_ROOT);
  } catch (error) {
    logError('Uncaught Exception', error);
    send({ kind: 'init-failed', error: describe(error) }, () => process.exit(1));
    return;
  }
  process.on('message', (invocation) => void invoke(handler, invocation));
  send({ kind: 'ready' });
}

async function invoke(handler, invocation) {
  requestId = invocation.requestId;
  environment._X_AMZN_TRACE_ID = invocation.trace;
  const done = (message) => {
    // A line that no handler writes tells that all of the invocation's output has been read.
    process.stdout.write(`\n\0${invocation.requestId}\n`);
    send({ ...message, memoryBytes: memoryBytes() });
  };
  try {
    const result = await handler(JSON.parse(invocation.payload), contextOf(invocation));
    done({ kind: 'succeeded', payload: serialize(result) });
  } catch (error) {
    logError('Invoke Error', error);
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

/** https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
function contextOf({ requestId: awsRequestId, functionArn, deadline }) {
  return {
    functionName: environment.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: functionArn,
    memoryLimitInMB: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    awsRequestId,
    logGroupName: environment.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: environment.AWS_LAMBDA_LOG_STREAM_NAME,
    getRemainingTimeInMillis: () => Math.max(0, deadline - Date.now()),
  };
}

async function loadHandler(reference, root) {
  const match = /^(.*?)\.([^./]+)$/.exec(path.basename(reference));
  if (!match) throw named('Runtime.MalformedHandlerName', 'Bad handler');
  const [, name, exportName] = match;
  const base = path.resolve(root, path.dirname(reference), name);
  const file = ['.js', '.mjs', '.cjs']
    .map((extension) => base + extension)
    .find((each) => fs.existsSync(each));
  if (!file) {
    throw named('Runtime.ImportModuleError', `Error: Cannot find module '${path.basename(base)}'`);
  }
  let module;
  try {
    module = await load(file);
  } catch (error) {
    if (error instanceof SyntaxError) throw named('Runtime.UserCodeSyntaxError', String(error));
    if (/^(ERR_)?MODULE_NOT_FOUND$/.test(error?.code))
      throw named('Runtime.ImportModuleError', String(error));
    throw error;
  }
  const handler = module[exportName] ?? module.default?.[exportName];
  if (typeof handler !== 'function') {
    throw named('Runtime.HandlerNotFound', `${reference} is undefined or not exported`);
  }
  if (handler.length > 2) {
    throw named(
      'Runtime.CallbackHandlerDeprecated',
      'ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify this function to use a supported handler signature to use Node.js 24 or later.',
    );
  }
  return handler;
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

function serialize(result) {
  try {
    return JSON.stringify(result) ?? 'null';
  } catch {
    throw named('Runtime.MarshalError', 'Unable to stringify response body');
  }
}

function named(name, message) {
  const error = new Error(message);
  error.name = name;
  return error;
}

function unhandledRejection(reason) {
  const error = named('Runtime.UnhandledPromiseRejection', String(reason));
  if (reason instanceof Error) error.stack = reason.stack;
  return error;
}

/** What a caller gets for an error, as Lambda's runtime makes it. */
function describe(error) {
  if (!(error instanceof Error)) {
    return {
      errorType: typeof error,
      errorMessage: typeof error === 'string' ? error : inspect(error),
      trace: [],
    };
  }
  return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') };
}

/** An error that no handler caught: Lambda ends the process, and the invocation fails. */
function crash(error) {
  logError('Uncaught Exception', error);
  send({ kind: 'crashed', error: describe(error) }, () => process.exit(129));
}

/**
 * All that the function writes goes to its log in one order, also what it writes to stderr. Writes to a pipe are
 * synchronous, so that even a handler that hangs is heard.
 */
function mergeOutput() {
  process.stderr.write = process.stdout.write.bind(process.stdout);
}

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const shows = (level) => LEVELS.indexOf(level) >= LEVELS.indexOf(environment.AWS_LAMBDA_LOG_LEVEL ?? 'TRACE');

/** https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html */
function formatConsole() {
  const { format } = require('node:util');
  const methods = { trace: 'TRACE', debug: 'DEBUG', log: 'INFO', info: 'INFO', warn: 'WARN', error: 'ERROR' };
  for (const [method, level] of Object.entries(methods)) {
    console[method] = (...values) => {
      if (!isJson) writeText(level, format(...values));
      else if (!shows(level)) return;
      else if (values.length === 1) writeJson(level, loggable(values[0]));
      else writeJson(level, format(...values), loggable(values.find((value) => value instanceof Error)));
    };
  }
}

function logError(what, error) {
  if (isJson) writeJson('ERROR', loggable(error instanceof Error ? error : new Error(inspect(error))));
  else writeText('ERROR', `${what} \t${JSON.stringify(describe(error))}`);
}

/** JSON has no errors; these are the names that Lambda's runtime gives to their parts. */
function loggable(value) {
  if (!(value instanceof Error)) return value;
  const { errorType, errorMessage, trace } = describe(value);
  return { errorType, errorMessage, stackTrace: trace };
}

function writeText(level, message) {
  const line = `${new Date().toISOString()}\t${requestId ?? 'undefined'}\t${level}\t${message}`;
  process.stdout.write(`${line.replaceAll('\n', '\r')}\n`);
}

function writeJson(level, message, more) {
  const line = {
    timestamp: new Date().toISOString(),
    level,
    ...(requestId && { requestId }),
    message,
    ...more,
  };
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
