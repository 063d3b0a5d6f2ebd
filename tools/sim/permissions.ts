/** Comparison of what the functions' roles allow with what their code calls. */
import { type App, consumerName } from '../app';
import type { Assembly } from '../template/assembly';
import { PolicyReader } from '../template/policy-reader';
import type { Violation } from './model';

/**
 * Actions that Lambda itself does by a function's role: its logs, its traces, and the destination of what failed.
 * https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html
 */
const DONE_BY_LAMBDA = [
  ...['logs:CreateLogStream', 'logs:PutLogEvents'],
  ...['xray:PutTraceSegments', 'xray:PutTelemetryRecords'],
  'sqs:SendMessage',
];

/** Actions that each consumer's role allows to its code, sorted. */
export function allowedActions(app: App, assembly: Assembly): ReadonlyMap<string, readonly string[]> {
  const reader = new PolicyReader(assembly);
  const attached = reader.attached();
  const allowed = new Map<string, readonly string[]>();
  for (const { properties } of assembly.ofType('AWS::Lambda::Function')) {
    const consumer = consumerName(app, properties.Environment?.Variables);
    const role = assembly.find(String(properties.Role));
    if (consumer === undefined || !role) continue;
    const own = attached.filter(({ roles }) => roles.includes(role)).map(({ policy }) => policy);
    const statements = [...reader.role(role).inline, ...own].flatMap((policy) => policy.statements);
    const actions = statements
      .filter(({ Effect }) => Effect === 'Allow')
      .flatMap(({ Action, NotAction }) => (NotAction === undefined ? [Action ?? []].flat() : ['*']))
      .filter((action) => !DONE_BY_LAMBDA.includes(action));
    allowed.set(consumer, [...new Set(actions)].sort());
  }
  return allowed;
}

/** An action that a role allows and the description of its code does not have. */
export function tooWide(app: App, assembly: Assembly): Violation | undefined {
  for (const [consumer, actions] of allowedActions(app, assembly)) {
    const described = (app.consumers[consumer]?.calls ?? []).flatMap(({ actions, schedules }) => [
      ...actions,
      ...(schedules ? ['iam:PassRole'] : []),
    ]);
    const more = actions.find((action) => !described.includes(action));
    if (more !== undefined) {
      const message = `the role of ${consumer} allows ${more}, which its code never calls`;
      return { invariant: 'least privilege', message };
    }
  }
  return undefined;
}
