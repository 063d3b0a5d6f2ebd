import type { Template } from 'aws-cdk-lib/assertions';

/** Untyped, as the template is. */
export type Json = ReturnType<Template['toJSON']>[string];

export interface Metric {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly statistic: string;
  readonly period: number;
}

export interface Alarm {
  readonly name: string;
  readonly properties: Json;
  /** Metrics by their id in the alarm's expressions; a single metric has the id `metric`. */
  readonly metrics: Readonly<Record<string, Metric>>;
  readonly expressions: Readonly<Record<string, string>>;
}

/** A template with its references resolved to physical names. */
export class Stack {
  readonly resources: Record<string, Json>;
  readonly alarms: readonly Alarm[];
  /** Properties of the composite alarms. */
  readonly composites: readonly Json[];

  constructor(template: Template) {
    this.resources = template.toJSON().Resources;
    this.alarms = this.ofType('AWS::CloudWatch::Alarm').map((properties) => this.alarm(properties));
    this.composites = this.ofType('AWS::CloudWatch::CompositeAlarm');
  }

  /** Properties of all resources of a type. */
  ofType(type: string): Json[] {
    return Object.values(this.resources)
      .filter((resource) => resource.Type === type)
      .map((resource) => this.resolve(resource.Properties));
  }

  /** The one alarm of this name, without the stack's prefix. */
  alarmNamed(name: string): Alarm {
    const found = this.alarms.filter((alarm) => alarm.name === `event-driven-${name}`);
    expect(found).toHaveLength(1);
    return found[0] as Alarm;
  }

  get metrics(): Metric[] {
    return this.alarms.flatMap((alarm) => Object.values(alarm.metrics));
  }

  get dashboard(): Json {
    const [{ DashboardBody }] = this.ofType('AWS::CloudWatch::Dashboard');
    return JSON.parse(DashboardBody);
  }

  private resolve(value: Json): Json {
    if (Array.isArray(value)) return value.map((each) => this.resolve(each));
    if (typeof value !== 'object' || value === null) return value;
    if (typeof value.Ref === 'string') return PSEUDO[value.Ref] ?? this.nameOf(value.Ref);
    const attribute = value['Fn::GetAtt'];
    if (attribute) {
      const [id, name] = attribute;
      return name.endsWith('Name') ? this.nameOf(id) : `${this.nameOf(id)}#${name}`;
    }
    const join = value['Fn::Join'];
    if (join) return this.resolve(join[1]).join(join[0]);
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, this.resolve(each)]));
  }

  /**
   * Name by which CloudWatch knows a resource: `Ref` gives it for every type here but rules, whose `Ref` is
   * `<bus>|<rule>`.
   */
  private nameOf(id: string): string {
    const { Type, Properties = {} } = this.resources[id];
    if (Type === 'AWS::Events::Rule') return `${Properties.EventBusName ? 'bus|' : ''}${Properties.Name}`;
    const key = Object.keys(Properties).find((name) => /^(\w+Name|Name)$/.test(name));
    return key && typeof Properties[key] === 'string' ? Properties[key] : id;
  }

  private alarm(properties: Json): Alarm {
    const queries: Json[] = properties.Metrics ?? [
      {
        Id: 'metric',
        MetricStat: { Metric: properties, Period: properties.Period, Stat: properties.Statistic },
      },
    ];
    const metrics = queries
      .filter((query) => query.MetricStat)
      .map(({ Id, MetricStat: { Metric: metric, Period, Stat } }): [string, Metric] => [
        Id,
        {
          namespace: metric.Namespace,
          name: metric.MetricName,
          dimensions: Object.fromEntries(
            (metric.Dimensions ?? []).map((each: Json) => [each.Name, each.Value]),
          ),
          statistic: Stat,
          period: Period,
        },
      ]);
    const expressions = queries
      .filter((query) => query.Expression)
      .map((query) => [query.Id, query.Expression]);
    return {
      name: properties.AlarmName,
      properties,
      metrics: Object.fromEntries(metrics),
      expressions: Object.fromEntries(expressions),
    };
  }
}

const PSEUDO: Readonly<Record<string, string>> = {
  'AWS::AccountId': '123456789012',
  'AWS::Partition': 'aws',
  'AWS::Region': 'eu-west-1',
};
