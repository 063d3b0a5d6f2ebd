/**
 * The query protocol: the request a form whose keys are paths, the response XML.
 * https://smithy.io/2.0/aws/protocols/aws-query-protocol.html
 */
import { ServiceError } from '../services/service-error';

/** No operation takes anything deeper. */
const MAX_DEPTH = 50;

/**
 * `A.member.1=x` becomes the list A, `M.entry.1.key=k` (or `.Name`) with `M.entry.1.value=v` the map M, and
 * `S.Part=x` a structure. All values are text.
 * @throws ServiceError (MalformedQueryString)
 */
export function decodeQuery(form: URLSearchParams): Record<string, unknown> {
  const root: Tree = Object.create(null);
  for (const [key, value] of form) {
    const path = key.split('.');
    if (path.length > MAX_DEPTH) {
      throw new ServiceError('MalformedQueryString', `A key has more than ${MAX_DEPTH} parts.`);
    }
    const last = path.pop() as string;
    let node = root;
    for (const step of path) {
      const next = node[step];
      node = node[step] = typeof next === 'object' ? next : Object.create(null);
    }
    node[last] = value;
  }
  return Object.fromEntries(Object.entries(root).map(([name, node]) => [name, simplify(node)]));
}

/** Without a prototype: the steps are what the client wrote. */
type Tree = { [step: string]: Tree | string };

function simplify(node: Tree | string): unknown {
  if (typeof node === 'string') return node;
  const { member, entry } = node;
  if (typeof member === 'object') return inOrder(member).map(simplify);
  if (typeof entry === 'object') {
    return Object.fromEntries(
      inOrder(entry).map((pair) => {
        const { key, value, Name = key, Value = value } = simplify(pair) as Record<string, unknown>;
        return [String(Name), Value];
      }),
    );
  }
  return Object.fromEntries(Object.entries(node).map(([name, child]) => [name, simplify(child)]));
}

/** The children of a list, which are keyed 1, 2, 3. Objects keep such keys in the order of the numbers. */
const inOrder = (list: Tree): (Tree | string)[] => Object.values(list);

/** Elements of XML for the members of an output: lists of `member`, dates in ISO 8601. */
export function encodeXml(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Map) {
    return [...value]
      .filter(([, child]) => child != null)
      .map(([key, child]) => `<entry>${encodeXml({ key, value: child })}</entry>`)
      .join('');
  }
  if (Array.isArray(value)) return value.map((item) => `<member>${encodeXml(item)}</member>`).join('');
  if (typeof value !== 'object') return escapeXml(String(value));
  return Object.entries(value as object)
    .filter(([, child]) => child != null)

    .flatMap(([name, child]) =>
      // A Set is a list without an element around it.
      (child instanceof Set ? [...child] : [child]).map((each) => `<${name}>${encodeXml(each)}</${name}>`),
    )

    .join('');
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

const escapeXml = (text: string) =>
  text
    .replaceAll(/[&<>"]/g, (character) => ENTITIES[character] as string)
    // Control characters that XML 1.0 has no way to write.
    .replaceAll(/(?![\t\n\r\u007f-\u009f])\p{Cc}|[\ufffe\uffff]/gu, '\ufffd')
    .replaceAll('\r', '&#13;');
