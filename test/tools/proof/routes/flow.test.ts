import { readFileSync } from 'node:fs';
import { APP } from '../../../../bin/app-description';
import { UNDESCRIBED } from '../../../../tools/app';
import { type Flow, readFlow } from '../../../../tools/proof/routes/flow';
import { type PlacedFlow, placeFlow } from '../../../../tools/proof/routes/flow-layout';
import { drawSvg } from '../../../../tools/proof/routes/flow-svg';
import { synthesize } from '../../../lib/synthesize';
import { assemblyOf } from '../assembly';
import { foreignStack } from '../foreign-stack';

const template = synthesize().toJSON();
const assembly = assemblyOf(template);
const flow = readFlow(assembly, APP);
const placed = placeFlow(flow);

/** Edges by the titles of their ends. */
function edgesOf({ nodes, edges }: Flow): string[] {
  const title = (id: string) => nodes.find((node) => node.id === id)?.title;
  return edges.map(({ from, to, kind }) => `${title(from)} ${kind} ${title(to)}`);
}

test("docs/flow.svg is the picture of the stack's template (`npm run routes -- --svg docs/flow.svg`)", () => {
  const title = `The flow of events through ${assembly.stackName}`;
  expect(readFileSync('docs/flow.svg', 'utf8')).toBe(drawSvg(placed, title));
});

describe('the flow', () => {
  test('has every rule with each of its targets, and its dead-letter queue', () => {
    for (const rule of assembly.ofType('AWS::Events::Rule')) {
      const targets: { Arn: string; DeadLetterConfig: { Arn: string } }[] = rule.properties.Targets;
      for (const { Arn, DeadLetterConfig } of targets) {
        const to = (kind: string, arn: string) => ({
          ...{ from: rule.logicalId, kind, to: assembly.find(arn)?.logicalId },
        });
        expect(flow.edges).toContainEqual(expect.objectContaining(to('event', Arn)));
        expect(flow.edges).toContainEqual(expect.objectContaining(to('failure', DeadLetterConfig.Arn)));
      }
    }
  });

  test('has the way from publisher to store', () => {
    expect(edgesOf(flow)).toEqual(
      expect.arrayContaining([
        'app.orders event bus',
        'bus event order-created',
        'order-created event order-processor',
        'order-processor event orders',
        'notifier event notifications',
        'notifier failure failed-events',
        'analytics event to bus',
        'bus replay archive',
      ]),
    );
  });

  test('leaves no resource uncounted', () => {
    const counted = flow.beside.reduce((sum, { count }) => sum + count, 0);
    const drawn = flow.nodes.filter(({ id }) => assembly.resources.has(id));
    expect(counted + drawn.length).toBe(assembly.resources.size);
  });

  test('has no publisher where no contract is described', () => {
    expect(readFlow(assembly, UNDESCRIBED).nodes.filter(({ kind }) => kind === 'publisher')).toEqual([]);
  });

  test('has a target that the template does not have, by its name', () => {
    const text = JSON.stringify(template);
    const other = JSON.parse(text);
    const rule = Object.values<{ Type: string; Properties: { Targets: { Arn: unknown }[] } }>(
      other.Resources,
    ).find(({ Type }) => Type === 'AWS::Events::Rule');
    if (rule?.Properties.Targets[0]) {
      rule.Properties.Targets[0].Arn = 'arn:aws:states:us-east-1:111122223333:stateMachine:fulfilment';
    }
    expect(readFlow(assemblyOf(other), APP).nodes).toContainEqual(
      expect.objectContaining({
        kind: 'other',
        title: 'fulfilment',
        subtitle: 'states, not in this template',
      }),
    );
  });
});

describe('the layout', () => {
  test('leads no event through a node that is not its end', () => {
    for (const { from, to, kind, path } of placed.edges) {
      if (kind === 'failure') continue;
      // Level stretches; the curves are in the gaps between the columns.
      for (const [, x1, y, x2, end] of path.matchAll(/(-?[\d.]+) (-?[\d.]+)L(-?[\d.]+) (-?[\d.]+)/g)) {
        if (y !== end) continue;
        const crossed = placed.nodes.filter(
          (node) =>
            ![from, to].includes(node.id) &&
            Number(y) >= node.y &&
            Number(y) <= node.y + node.height &&
            node.x < Number(x2) &&
            node.x + node.width > Number(x1),
        );
        expect(crossed).toEqual([]);
      }
    }
  });

  const overlaps = ({ nodes }: PlacedFlow) =>
    nodes.flatMap((a, i) =>
      nodes
        .slice(i + 1)
        .filter(
          (b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height,
        )
        .map((b) => `${a.title} and ${b.title}`),
    );

  test('puts no node onto another, and none outside of the picture', () => {
    expect(overlaps(placed)).toEqual([]);
    for (const { x, y, width, height } of placed.nodes) {
      expect(x).toBeGreaterThanOrEqual(0);
      expect(y).toBeGreaterThanOrEqual(0);
      expect(x + width).toBeLessThanOrEqual(placed.width);
      expect(y + height).toBeLessThanOrEqual(placed.height);
    }
  });

  test('places every node and every edge', () => {
    expect(placed.nodes.map(({ id }) => id).sort()).toEqual(flow.nodes.map(({ id }) => id).sort());
    expect(placed.edges).toHaveLength(flow.edges.length);
  });

  test('leads every event from left to right, or down', () => {
    const byId = new Map(placed.nodes.map((node) => [node.id, node]));
    for (const { from, to, kind } of placed.edges) {
      if (kind !== 'event') continue;
      expect(byId.get(from)?.x).toBeLessThanOrEqual(byId.get(to)?.x ?? 0);
    }
  });
});

describe('the picture', () => {
  test('shows no text of the template as markup', () => {
    const evil = {
      id: 'a',
      kind: 'rule' as const,
      title: '<script>"',
      subtitle: '&',
      name: 'a',
      x: 0,
      y: 0,
      width: 200,
      height: 36,
    };
    const svg = drawSvg({ width: 200, height: 36, nodes: [evil], edges: [], beside: [] }, '<b>');
    expect(svg).not.toContain('<script>');
    expect(svg).not.toContain('<b>');
  });

  test('changes with a rule, a permission and a retry of the template', () => {
    const draw = (text: string) => drawSvg(placeFlow(readFlow(assemblyOf(JSON.parse(text)), APP)), '');
    const text = JSON.stringify(template);
    const pictures = [
      text,
      text.replace('"CANCELLED"', '"LOST"'),
      text.replaceAll('sns:Publish', 'sns:GetTopicAttributes'),
      text.replace('"MaximumRetryAttempts":3', '"MaximumRetryAttempts":5'),
    ].map(draw);
    expect(new Set(pictures).size).toBe(pictures.length);
  });
});

describe('the flow of a stack that nobody has described', () => {
  const read = (change?: Parameters<typeof foreignStack>[0]) => readFlow(foreignStack(change), UNDESCRIBED);
  const labels = ({ edges }: Flow) => edges.map(({ from, to, label }) => `${from} ${to}: ${label}`);

  test('has the reader of a queue, and where its failures go', () => {
    expect(labels(read())).toEqual(
      expect.arrayContaining(['Work Worker: in batches', 'Work Dead: fails 4 times', 'Bus Archive: replay']),
    );
  });

  test('has subscribers by what they are, where the template does not have them', () => {
    const flow = read(({ Mail }) => {
      Mail.Properties = { ...Mail.Properties, Protocol: 'email', Endpoint: 'jane@example.com' };
    });
    expect(flow.nodes).toContainEqual(
      expect.objectContaining({ id: 'subscriber Topic email', title: 'email', subtitle: 'subscriber' }),
    );
    expect(edgesOf(read())).toContain('news event function');
  });

  test.each<[string, unknown, string]>([
    ['an absent field and a suffix', undefined, 'source depot · kind *.crate · note absent'],
    [
      'a present field and a prefix',
      { detail: { note: [{ exists: true }], kind: [{ prefix: 'a' }] } },
      'note present · kind a*',
    ],
    [
      'one of several conditions',
      { $or: [{ source: ['a'] }, { detail: { a: [1] } }] },
      'one of several conditions',
    ],
    [
      'an operator without a short form',
      { detail: { kind: [{ numeric: ['>', 1] }] } },
      'kind {"numeric":[">",1]}',
    ],
    ['its JSON', '{"source":["by-text"]}', 'source by-text'],
    ['no JSON', '{', 'by schedule'],
  ])('says in a few words what a rule wants: %s', (_, pattern, subtitle) => {
    const flow = read(({ Rule }) => {
      if (pattern !== undefined) Rule.Properties.EventPattern = pattern;
    });
    expect(flow.nodes.find(({ id }) => id === 'Rule')?.subtitle).toBe(subtitle);
  });

  test('says so where it does not know how often or how long', () => {
    const unknown = { 'Fn::ImportValue': 'elsewhere' };
    const flow = read(({ Archive, Work, Rule, WorkerConfig }) => {
      Archive.Properties.RetentionDays = unknown;
      Work.Properties.RedrivePolicy.maxReceiveCount = unknown;
      WorkerConfig.Properties.MaximumRetryAttempts = unknown;
      Rule.Properties.Targets[0].DeadLetterConfig = { Arn: { 'Fn::GetAtt': ['Dead', 'Arn'] } };
      Rule.Properties.Targets[0].RetryPolicy = {
        ...{ MaximumRetryAttempts: unknown, MaximumEventAgeInSeconds: unknown },
      };
    });
    expect(flow.nodes.find(({ id }) => id === 'Archive')?.subtitle).toBe('kept for some days');
    expect(labels(flow)).toEqual(
      expect.arrayContaining([
        'Rule Dead: not delivered in several tries',
        'Work Dead: fails several times',
        'Worker Dead: fails several times',
      ]),
    );
  });

  test.each([
    [7_200, '2 h'],
    [1_800, '30 min'],
  ])('says after %d s that an event is not delivered: %s', (seconds, text) => {
    const flow = read(({ Rule }) => {
      Rule.Properties.Targets[0].DeadLetterConfig = { Arn: { 'Fn::GetAtt': ['Dead', 'Arn'] } };
      Rule.Properties.Targets[0].RetryPolicy = { MaximumEventAgeInSeconds: seconds };
    });
    expect(labels(flow)).toContain(`Rule Dead: not delivered in 186 tries or ${text}`);
  });

  test('has the bus of a rule that is in another stack, and a delivery stream with its bucket', () => {
    const flow = read(({ Rule }) => {
      Rule.Properties.EventBusName = 'elsewhere';
      Rule.Properties.Targets = [{ Id: 'stream', Arn: { 'Fn::GetAtt': ['Delivery', 'Arn'] } }];
    });
    expect(flow.nodes).toContainEqual(
      expect.objectContaining({ id: 'bus elsewhere', subtitle: 'not in this template' }),
    );
  });

  test('is placed with every edge between two of its nodes', () => {
    const { nodes, edges } = placeFlow(read());
    const ids = nodes.map(({ id }) => id);
    for (const { from, to } of edges) expect(ids).toEqual(expect.arrayContaining([from, to]));
  });
});

describe('the picture of a changed foreign stack', () => {
  // biome-ignore lint/suspicious/noExplicitAny: templates have no static type
  const draw = (change?: (resources: any) => void) => {
    const drawn = readFlow(foreignStack(change), UNDESCRIBED);
    return { drawn, svg: drawSvg(placeFlow(drawn), 'depot') };
  };
  const ELSEWHERE = 'arn:aws:sqs:us-east-1:000000000000:elsewhere';

  test('has what pipes read and give up, and says what is not in the template', () => {
    const { drawn } = draw(({ Pipe }) => {
      Pipe.Properties.Enrichment = 'arn:aws:states:us-east-1:000000000000:stateMachine:enrich';
      Pipe.Properties.Target = ELSEWHERE;
      Pipe.Properties.Source = ELSEWHERE;
    });
    const [pipe] = drawn.nodes.filter(({ kind }) => kind === 'pipe');
    expect(pipe?.subtitle).toBe('pipe of elsewhere, enriched');
    expect(drawn.nodes).toContainEqual(
      expect.objectContaining({ title: 'elsewhere', subtitle: 'sqs, not in this template' }),
    );
  });

  test('has the queue that a queue hands to after its tries, and none without a redrive', () => {
    const failures = draw().drawn.edges.filter(({ kind }) => kind === 'failure');
    expect(failures).toContainEqual(
      expect.objectContaining({ from: 'Work', to: 'Dead', label: 'fails 4 times' }),
    );
    const { drawn } = draw(({ Work, WorkerConfig, Pipe, Schedule }) => {
      delete Work.Properties.RedrivePolicy;
      delete WorkerConfig.Properties.DestinationConfig;
      delete Pipe.Properties.SourceParameters;
      delete Schedule.Properties.Target.DeadLetterConfig;
    });
    expect(drawn.edges.filter(({ kind }) => kind === 'failure')).toEqual([]);
  });

  test('has a partner and its bus, and rules that hand on to a bus', () => {
    const { drawn, svg } = draw((resources) => {
      resources.Partner = {
        Type: 'AWS::Events::EventBus',
        Properties: { Name: 'aws.partner/shop.com/1', EventSourceName: 'aws.partner/shop.com/1' },
      };
      resources.Onward = {
        Type: 'AWS::Events::Rule',
        Properties: {
          EventBusName: { Ref: 'Partner' },
          EventPattern: { source: [{ prefix: 'aws.partner' }] },
          Targets: [{ Id: 'Bus', Arn: { 'Fn::GetAtt': ['Bus', 'Arn'] } }],
        },
      };
      resources.Back = {
        Type: 'AWS::Events::Rule',
        Properties: {
          EventBusName: { Ref: 'Bus' },
          EventPattern: { source: [''], detail: {} },
          Targets: [{ Id: 'Bus', Arn: { 'Fn::GetAtt': ['Partner', 'Arn'] }, Input: '{}' }],
        },
      };
    });
    expect(drawn.nodes).toContainEqual(
      expect.objectContaining({ title: 'shop.com', subtitle: 'SaaS partner' }),
    );
    expect(svg).toContain('shop.com');
  });
});
