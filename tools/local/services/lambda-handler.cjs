/**
 * What Lambda's runtime for Node.js does around a handler, wherever it runs: its errors, its context, the format of its
 * log. Plain JavaScript, since a function's own process loads it too (`lambda-runtime.cjs`).
 */
'use strict';

const { format, inspect, types } = require('node:util');
const path = require('node:path');

/** Recognizes an error, also one of another realm. */
const isError = (value) => value instanceof Error || types.isNativeError(value);

/** https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html */
function contextOf(environment, { requestId: awsRequestId, functionArn, deadline }, now) {
  return {
    functionName: environment.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: environment.AWS_LAMBDA_FUNCTION_VERSION,
    invokedFunctionArn: functionArn,
    memoryLimitInMB: environment.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    awsRequestId,
    logGroupName: environment.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: environment.AWS_LAMBDA_LOG_STREAM_NAME,
    getRemainingTimeInMillis: () => Math.max(0, deadline - now()),
  };
}

/**
 * Splits `src/index.handler`.
 * @returns the file without its extension, and the name of the export
 */
function readReference(reference, root) {
  const match = /^(.*?)\.([^./]+)$/.exec(path.basename(reference));
  if (!match) throw named('Runtime.MalformedHandlerName', 'Bad handler');
  const [, name, exportName] = match;
  return { base: path.resolve(root, path.dirname(reference), name), exportName };
}

/** Converts an error of loading the handler's module to the runtime's own. */
function loadError(error) {
  if (isError(error) && error.name === 'SyntaxError')
    return named('Runtime.UserCodeSyntaxError', String(error));
  if (/^(ERR_)?MODULE_NOT_FOUND$/.test(error?.code)) return named('Runtime.ImportModuleError', String(error));
  return error;
}

const notFound = (base) =>
  named('Runtime.ImportModuleError', `Error: Cannot find module '${path.basename(base)}'`);

function exportedHandler(module, exportName, reference) {
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
  if (isError(reason)) error.stack = reason.stack;
  return error;
}

/** What a caller gets for an error, as Lambda's runtime makes it. */
function describe(error) {
  if (!isError(error)) {
    return {
      errorType: typeof error,
      errorMessage: typeof error === 'string' ? error : inspect(error),
      trace: [],
    };
  }
  return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') };
}

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const METHODS = { trace: 'TRACE', debug: 'DEBUG', log: 'INFO', info: 'INFO', warn: 'WARN', error: 'ERROR' };

/**
 * The function's log. https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html
 * @param options `environment`: the function's variables; `write(text)`; `now()`: milliseconds since 1970;
 *   `requestId()`: the invocation at hand, if there is one; `describe`: as above
 * @returns the methods of the console, and `error(what, error)` for what no handler caught
 */
function makeLog({ environment, write, now, requestId, describe: described = describe }) {
  const isJson = environment.AWS_LAMBDA_LOG_FORMAT === 'JSON';
  const shows = (level) =>
    LEVELS.indexOf(level) >= LEVELS.indexOf(environment.AWS_LAMBDA_LOG_LEVEL ?? 'TRACE');
  const time = () => new Date(now()).toISOString();

  const writeText = (level, message) => {
    const line = `${time()}\t${requestId() ?? 'undefined'}\t${level}\t${message}`;
    write(`${line.replaceAll('\n', '\r')}\n`);
  };
  const writeJson = (level, message, more) => {
    const id = requestId();
    write(
      `${JSON.stringify({ timestamp: time(), level, ...(id && { requestId: id }), message, ...more })}\n`,
    );
  };
  /** JSON has no errors; these are the names that Lambda's runtime gives to their parts. */
  const loggable = (value) => {
    if (!isError(value)) return value;
    const { errorType, errorMessage, trace } = described(value);
    return { errorType, errorMessage, stackTrace: trace };
  };
  const methodOf =
    (level) =>
    (...values) => {
      if (!isJson) writeText(level, format(...values));
      else if (!shows(level)) return;
      else if (values.length === 1) writeJson(level, loggable(values[0]));
      else writeJson(level, format(...values), loggable(values.find(isError)));
    };
  return {
    console: Object.fromEntries(Object.entries(METHODS).map(([method, level]) => [method, methodOf(level)])),
    error: (what, error) => {
      if (isJson) writeJson('ERROR', loggable(isError(error) ? error : new Error(inspect(error))));
      else writeText('ERROR', `${what} \t${JSON.stringify(described(error))}`);
    },
  };
}

module.exports = {
  ...{ contextOf, readReference, loadError, notFound, exportedHandler, serialize, unhandledRejection },
  ...{ describe, makeLog },
};
