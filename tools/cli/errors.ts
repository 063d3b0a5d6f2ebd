/** Errors of commands, each with one line of text and an exit code. */

/**
 * Invalid input that the user can correct: an option, a file, the credentials, the stage. `message` is one line
 * (except for the output of another program): the input, its value, the allowed values. Nothing was changed.
 */
export class InputError extends Error {
  override readonly name: string = 'InputError';
}

/** Exit codes. `interrupted` is the code that a shell reports for a program ended by Ctrl-C. */
export const EXIT = { ok: 0, failed: 1, input: 2, interrupted: 130 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export interface Explanation {
  /** One line: the error and, if the operator can correct it, how. */
  readonly line: string;
  readonly exitCode: ExitCode;
}

/** Error names of services for credentials that are wrong or no longer valid. */
const REFUSED_CREDENTIALS = [
  'ExpiredToken',
  'ExpiredTokenException',
  'InvalidClientTokenId',
  'InvalidSignatureException',
  'SignatureDoesNotMatch',
  'UnrecognizedClientException',
];

const NO_CONNECTION = ['ECONNREFUSED', 'ENOTFOUND', 'EHOSTUNREACH', 'ENETUNREACH', 'EAI_AGAIN'];

/**
 * Explains an error to an operator.
 * @param endpoint address that is used instead of AWS's own
 */
export function explain(error: unknown, endpoint?: string): Explanation {
  if (error instanceof InputError) return input(error.message);
  if (!(error instanceof Error)) return { line: oneLine(String(error)), exitCode: EXIT.failed };

  const { name, message } = error;
  if (name === 'CredentialsProviderError') {
    return input(
      'No AWS credentials were found: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; ' +
        'or name the local run with --endpoint-url http://127.0.0.1:4566.',
    );
  }
  if (message === 'Region is missing') {
    return input('No AWS region is set: add --region, or set AWS_REGION, or name a profile that has one.');
  }
  if (REFUSED_CREDENTIALS.includes(name)) {
    return input(`AWS refuses the credentials (${name}): renew them, or set AWS_PROFILE to another profile.`);
  }
  if (name === 'AccessDenied' || name === 'AccessDeniedException') {
    return input(`The credentials do not allow it: ${message}`);
  }
  if (NO_CONNECTION.some((code) => codeOf(error) === code)) {
    return input(
      endpoint
        ? `Nothing answers at ${endpoint}: start the local run with npm start, or give its address with --endpoint-url.`
        : `AWS cannot be reached (${codeOf(error)}): check the network and the region.`,
    );
  }
  return { line: oneLine(`${name}: ${message}`), exitCode: EXIT.failed };
}

const input = (line: string): Explanation => ({ line: oneLine(line), exitCode: EXIT.input });

export const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

/** Node's code of a failed connection; a host with several addresses has an error for each. */
function codeOf(error: Error & { code?: unknown; errors?: unknown; cause?: unknown }): string {
  if (typeof error.code === 'string') return error.code;
  const [inner] = Array.isArray(error.errors) ? error.errors : [error.cause];
  return inner instanceof Error ? codeOf(inner) : '';
}
