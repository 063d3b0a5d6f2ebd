/**
 * Metrics in a log line, in CloudWatch's embedded metric format:
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 */

type Line = Readonly<Record<string, unknown>>;

/** Values of one metric under one set of dimensions. */
export interface EmbeddedMetric {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly values: readonly number[];
}

interface Directive {
  readonly Namespace: string;
  readonly Dimensions?: readonly (readonly string[])[];
  readonly Metrics?: readonly { readonly Name: string }[];
}

const directivesOf = (line: Line): readonly Directive[] =>
  (line._aws as { readonly CloudWatchMetrics?: readonly Directive[] } | undefined)?.CloudWatchMetrics ?? [];

/** Reads the metrics of a line that is parsed; none of one without them. */
export function embeddedMetrics(line: Line): EmbeddedMetric[] {
  return directivesOf(line).flatMap(({ Namespace: namespace, Dimensions = [[]], Metrics = [] }) =>
    Metrics.flatMap(({ Name: name }) => {
      const values = [line[name]].flat().filter((value): value is number => typeof value === 'number');
      return Dimensions.map((names) => ({
        ...{ namespace, name, values },
        dimensions: Object.fromEntries(names.map((each) => [each, String(line[each])])),
      }));
    }),
  );
}

/** Names of the line's fields that belong to its metrics: their values, their dimensions and `_aws`. */
export function metricFields(line: Line): ReadonlySet<string> {
  const names = directivesOf(line).flatMap(({ Dimensions = [], Metrics = [] }) => [
    ...Dimensions.flat(),
    ...Metrics.map(({ Name }) => Name),
  ]);
  return new Set(['_aws', ...names]);
}
