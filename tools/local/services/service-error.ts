/** An error that the service itself would answer; the endpoint gives it to the client in the service's own shape. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError';

  /**
   * @param code e.g. QueueDoesNotExist, ValidationException
   * @param status of the HTTP response
   * @param members what the error's shape has beside its code and message, e.g. the `Item` of a failed condition
   */
  constructor(
    readonly code: string,
    message: string,
    readonly status = 400,
    readonly members: Readonly<Record<string, unknown>> = {},
  ) {
    super(message);
  }
}
