/**
 * Credentials of a function, from its environment, which is the only place where Lambda puts them.
 *
 * The bundler replaces `@aws-sdk/credential-provider-node` by this file. The SDK's own would load the code for all other
 * sources (profiles, SSO, web identity, containers, instance metadata) at every cold start. Only used in bundles: tools
 * on a developer's machine have the SDK's own chain.
 */

/** Default credentials of the SDK's clients; the names are the SDK's. */
export const defaultProvider = () => async () => {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN } = process.env;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) {
    throw new Error('AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set in the environment.');
  }
  return {
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    ...(AWS_SESSION_TOKEN && { sessionToken: AWS_SESSION_TOKEN }),
  };
};
