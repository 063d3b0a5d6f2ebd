/** Resources that a bill leaves out, by type, so that nobody takes it for the whole. */
import type { App } from '../../app';
import type { Assembly, NotCovered } from '../../template/assembly';
import { rulesOf } from '../../template/rules';
import { asRule, schedulesOf } from '../../template/schedules';

/** Types that the bill has items for. */
const PRICED: readonly string[] = [
  ...['AWS::CloudWatch::Alarm', 'AWS::CloudWatch::CompositeAlarm', 'AWS::CloudWatch::Dashboard'],
  ...['AWS::DynamoDB::Table', 'AWS::Events::Archive', 'AWS::Events::EventBus', 'AWS::KMS::Key'],
  ...['AWS::KinesisFirehose::DeliveryStream', 'AWS::Lambda::Function', 'AWS::Logs::LogGroup'],
  ...['AWS::Events::ApiDestination', 'AWS::Scheduler::Schedule'],
  ...['AWS::Pipes::Pipe', 'AWS::EventSchemas::Discoverer'],
  ...['AWS::S3::Bucket', 'AWS::SNS::Subscription', 'AWS::SNS::Topic', 'AWS::SQS::Queue'],
];

/** Types that cost nothing by themselves: what they permit, name or connect. */
const FREE: readonly RegExp[] = [
  /^AWS::(IAM|CDK|CloudFormation|ResourceGroups|ServiceCatalogAppRegistry)::/,
  /Policy$|Permission$/,
  /^AWS::Lambda::(Alias|Version|EventInvokeConfig|EventSourceMapping|LayerVersion|CodeSigningConfig)$/,
  /^AWS::Events::(Rule|Connection)$/,
  /^AWS::ApplicationAutoScaling::ScalableTarget$/,
  /^AWS::Scheduler::ScheduleGroup$/,
  /^AWS::EventSchemas::(Registry|Schema)$/,
  /^AWS::CodeDeploy::/,
  /^AWS::KMS::Alias$/,
  /^AWS::Logs::(LogStream|MetricFilter|QueryDefinition|SubscriptionFilter)$/,
  /^AWS::XRay::(Group|SamplingRule)$/,
  /^AWS::EC2::(VPC|Subnet|Route|RouteTable|SubnetRouteTableAssociation|InternetGateway|VPCGatewayAttachment|SecurityGroup.*)$/,
  /^AWS::ECS::(Cluster|TaskDefinition)$/,
  /^AWS::Batch::/,
];

/** Types whose cost depends on what a handler does, which only a described application tells. */
const BY_USE: readonly string[] = [
  ...['AWS::DynamoDB::Table', 'AWS::KinesisFirehose::DeliveryStream', 'AWS::Lambda::Function'],
  ...['AWS::Logs::LogGroup', 'AWS::S3::Bucket', 'AWS::SNS::Topic', 'AWS::SQS::Queue', 'AWS::Events::Archive'],
  ...['AWS::Events::ApiDestination', 'AWS::EventSchemas::Discoverer'],
];

/** @param more found while the bill was made */
export function notPricedIn(assembly: Assembly, more: readonly NotCovered[], app: App): NotCovered[] {
  const isDescribed = app.contracts.length > 0;
  const told = new Set(more.map(({ resource }) => resource));
  const others = [...assembly.resources.values()].flatMap(({ logicalId: resource, type }) => {
    if (told.has(resource) || FREE.some((free) => free.test(type))) return [];
    if (!PRICED.includes(type)) return [{ resource, type, message: 'it is not priced.' }];
    if (isDescribed || !BY_USE.includes(type)) return [];
    return [{ resource, type, message: 'how much of it the events use is not known: nobody described it.' }];
  });
  return [...assembly.notCovered, ...more, ...others, ...unknownParts(assembly)];
}

/** Parts of rules and schedules that only AWS knows: what they call is counted without them. */
function unknownParts(assembly: Assembly): NotCovered[] {
  return [...rulesOf(assembly), ...schedulesOf(assembly).map(asRule)].flatMap(
    ({ resource: { logicalId: resource, type }, unknown }) =>
      unknown.map((part) => ({ resource, type, message: `its calls are counted without this: ${part}.` })),
  );
}
