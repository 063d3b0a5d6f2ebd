/**
 * Settings of every AWS client in the handlers. A call takes at most 3 attempts of 3 s and short pauses between
 * them (9.3 s), so that the four calls that the notifier makes one after the other fit in its 40 s, and a
 * failure is reported by the handler instead of being cut off by the function's timeout.
 */
export const CLIENT_CONFIG = {
  maxAttempts: 3,
  requestHandler: {
    /** ms; the TLS handshake of a cold 128 MB function takes some hundreds. */
    connectionTimeout: 2_000,
    /** ms for an attempt as a whole, connecting included. */
    requestTimeout: 3_000,
    // Without it the SDK only warns when the request timeout is over.
    throwOnRequestTimeout: true,
  },
};
