/** YAML with CloudFormation's short forms, such as `!Sub`. */
import { type CollectionTag, Pair, parseDocument, Scalar, type ScalarTag, YAMLMap, type YAMLSeq } from 'yaml';

/** @throws Error with a message of one line */
export function parseYaml(text: string): unknown {
  // The library limits the number of aliases, against a file that expands without end.
  const document = parseDocument(text, { customTags: SHORT_FORMS, prettyErrors: true });
  const [problem] = [...document.errors, ...document.warnings];
  if (problem) throw new Error(problem.message.split('\n')[0]);
  return document.toJS();
}

const FUNCTIONS = [
  ...['And', 'Base64', 'Cidr', 'Equals', 'FindInMap', 'ForEach', 'GetAZs', 'GetAtt', 'If', 'ImportValue'],
  ...['Join', 'Length', 'Not', 'Or', 'Select', 'Split', 'Sub', 'ToJsonString', 'Transform'],
];

/** `!Sub text` is `{"Fn::Sub": "text"}`, `!Ref Id` is `{"Ref": "Id"}`. */
const SHORT_FORMS: (ScalarTag | CollectionTag)[] = [...FUNCTIONS, 'Ref', 'Condition'].flatMap((name) => {
  const key = FUNCTIONS.includes(name) ? `Fn::${name}` : name;
  const scalar: ScalarTag = {
    tag: `!${name}`,
    // `!GetAtt Queue.Arn` is `["Queue", "Arn"]`.
    resolve: (text) => ({ [key]: name === 'GetAtt' ? splitAttribute(text) : text }),
  };
  const collection = (kind: 'seq' | 'map'): CollectionTag => ({
    tag: `!${name}`,
    collection: kind,
    resolve: (node) => wrapped(key, node),
  });
  return [scalar, collection('seq'), collection('map')];
});

function splitAttribute(text: string): string[] {
  const dot = text.indexOf('.');
  return dot < 0 ? [text] : [text.slice(0, dot), text.slice(dot + 1)];
}

function wrapped(key: string, node: YAMLMap.Parsed | YAMLSeq.Parsed): YAMLMap {
  const map = new YAMLMap();
  map.add(new Pair(new Scalar(key), node));
  return map;
}
