/**
 * The credentials of a function: Lambda puts them into its environment, and nowhere else.
 *
 * The bundler puts this file in the place of `@aws-sdk/credential-provider-node`, which would bring, and load at
 * every cold start, the ways of all other places (profiles, SSO, web identity, containers, instance metadata).
 * It is never used outside a bundle: tools on a developer's machine have the SDK's own chain.
 */

/** What the SDK's clients call for their default credentials; the names are the SDK's. */
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
