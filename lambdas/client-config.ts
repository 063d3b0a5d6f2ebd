/**
 * Settings of every AWS client in the handlers. A call takes at most 3 attempts of 3 s and short pauses between
 * them (9.3 s), so that the notifier's four successive calls fit in its 40 s, and a failure is reported by the handler
 * instead of being cut off by the function's timeout.
 */
import { Sha256 } from './sha256';

export const CLIENT_CONFIG = {
  sha256: Sha256,
  maxAttempts: 3,
  requestHandler: {
    /** Milliseconds; the TLS handshake of a cold 128 MB function takes some hundreds. */
    connectionTimeout: 2_000,
    /** Milliseconds for a whole attempt, including the connection. */
    requestTimeout: 3_000,
    // By default the SDK only warns when the request timeout is over.
    throwOnRequestTimeout: true,
  },
};
