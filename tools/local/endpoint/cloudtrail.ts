import { arnName } from '../../eventbridge/arn';
import type { Trail, TrailEvent } from '../services/trail';
import { MODELS } from './models/models';
import { operation, page, type Service, type Services, validationError } from './service';

/** Subset of the SDK's `LookupEventsCommandInput`, without a dependency on its package. */
interface LookupEventsInput {
  readonly LookupAttributes?: { readonly AttributeKey: string; readonly AttributeValue: string }[];
  readonly StartTime?: Date;
  readonly EndTime?: Date;
  readonly MaxResults?: number;
  readonly NextToken?: string;
}

/** CloudTrail: who changed something in the run, by a call of the endpoint. */
export function cloudtrail({ assembly }: Services, trail: Trail): Service {
  const show = ({ id, name, source, at, accessKeyId, resources, request }: TrailEvent) => ({
    ...{ EventId: id, EventName: name, EventSource: source, EventTime: new Date(at), ReadOnly: 'false' },
    ...{ AccessKeyId: accessKeyId, Username: accessKeyId },
    Resources: resources.map((arn) => ({ ResourceName: arnName(arn) })),
    CloudTrailEvent: JSON.stringify({
      ...{ eventVersion: '1.11', eventID: id, eventName: name, eventSource: source },
      ...{ eventTime: new Date(at).toISOString(), awsRegion: assembly.region, requestParameters: request },
      userIdentity: { type: 'IAMUser', userName: accessKeyId, accessKeyId, accountId: assembly.account },
    }),
  });
  return {
    name: 'cloudtrail',
    target: 'com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101',
    model: MODELS.cloudtrail,
    invalid: validationError('InvalidLookupAttributesException'),
    accessDenied: { code: 'AccessDeniedException', status: 400 },
    operations: {
      LookupEvents: operation<LookupEventsInput>({
        run({ LookupAttributes = [], StartTime, EndTime, MaxResults = 50, NextToken }) {
          const found = trail.events.filter(
            (event) =>
              event.at >= (StartTime?.getTime() ?? 0) &&
              event.at <= (EndTime?.getTime() ?? Number.POSITIVE_INFINITY) &&
              LookupAttributes.every(({ AttributeKey, AttributeValue }) =>
                valuesOf(event, AttributeKey).includes(AttributeValue),
              ),
          );
          const { items, next } = page(found, MaxResults, NextToken, 'InvalidNextTokenException');
          return { Events: items.map(show), NextToken: next };
        },
      }),
    },
  };
}

function valuesOf(event: TrailEvent, key: string): readonly string[] {
  switch (key) {
    case 'EventId':
      return [event.id];
    case 'EventName':
      return [event.name];
    case 'EventSource':
      return [event.source];
    case 'ReadOnly':
      return ['false'];
    case 'Username':
    case 'AccessKeyId':
      return [event.accessKeyId];
    case 'ResourceName':
      return event.resources.flatMap((arn) => [arn, arnName(arn)]);
    default:
      return [];
  }
}
