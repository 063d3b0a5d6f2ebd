/** Pipes that bring to a bus what a function of the bus writes: each event would make the next one. */
import { ANY_EVENT, overlap } from '../../eventbridge/decide';
import { compile, type EventPattern } from '../../eventbridge/event-pattern';
import type { Resource } from '../../template/assembly';
import { eventSourceMappingsOf, type Pipe, pipesOf } from '../../template/event-source-mappings';
import type { Scene } from './scene';

/** Actions that change a table. */
const WRITES = ['dynamodb:PutItem', 'dynamodb:UpdateItem', 'dynamodb:DeleteItem', 'dynamodb:BatchWriteItem'];

export function auditLoops(scene: Scene): void {
  for (const pipe of pipesOf(scene.assembly)) {
    const { resource, source, target } = pipe;
    const isTable = source.resource?.type.startsWith('AWS::DynamoDB::');
    if (!pipe.enabled || !isTable || target.resource?.type !== 'AWS::Events::EventBus') continue;
    const table = source.resource as Resource;
    for (const { name, lambda } of calledFor(scene, pipe, target.resource)) {
      const role: string = lambda.properties.Role;
      const decisions = WRITES.map((action) => scene.permissions.roleMay(role, action, table.arn));
      if (!decisions.some(({ allowed }) => allowed)) continue;
      const hop = scene.hop('delivery', resource, target.resource);
      const round = `rule ${name} calls the function ${lambda.name}, which may write the table ${table.name}`;
      const harm = 'each event would make the next one';
      hop.gap('loop', resource, `it may go round without end: ${round}, which it reads: ${harm}`);
    }
  }
}

/** Functions that rules of the bus call for the pipe's events, also by a queue. */
function calledFor(scene: Scene, pipe: Pipe, bus: Resource): { name: string; lambda: Resource }[] {
  const events = patternOf(pipe);
  const mappings = eventSourceMappingsOf(scene.assembly);
  return scene.routing.rules.flatMap(({ name, bus: of, enabled, pattern, model }) => {
    if (!enabled || of !== bus.name || !pattern) return [];
    if (overlap(pattern, events, ANY_EVENT).verdict === 'apart') return [];
    const called = model.targets.flatMap(({ reference: { resource: target } }) => {
      if (!target) return [];
      if (target.type === 'AWS::Lambda::Function') return target;
      return mappings.flatMap(({ source, function: reader }) =>
        source?.resource === target ? (reader.function ?? []) : [],
      );
    });
    return called.map((lambda) => ({ name, lambda }));
  });
}

/** All events that the pipe may put: a path into the record may find anything. */
function patternOf({ eventSource, detailType }: Pipe): EventPattern {
  const only = (value: string | undefined) =>
    value === undefined || value.startsWith('$.') ? undefined : [value];
  const source = only(eventSource) ?? [{ prefix: '' }];
  const type = only(detailType);
  return compile(JSON.stringify({ source, ...(type && { 'detail-type': type }) }));
}
