/** JSON shown line by line, each with a mark for the source or the destination of its value. */
import { useSignal } from '@preact/signals';

export interface Line {
  readonly path: string;
  readonly indent: number;
  readonly text: string;
}

/** Maximum number of lines; deeper values and longer lists are one line, so that a payload of 1 MB fits. */
const MAX_LINES = 400;

/** @param hidden names of fields whose values are not shown */
function linesOf(value: unknown, hidden: readonly string[] = []): Line[] {
  const lines: Line[] = [];
  const add = (each: unknown, path: string, indent: number, before: string, after: string) => {
    if (lines.length >= MAX_LINES) return;
    const key = path.split('.').at(-1) ?? '';
    if (hidden.includes(key)) {
      lines.push({ path, indent, text: `${before}hidden${after}` });
    } else if (typeof each === 'object' && each !== null && Object.keys(each).length > 0) {
      const isList = Array.isArray(each);
      lines.push({ path, indent, text: `${before}${isList ? '[' : '{'}` });
      const entries = Object.entries(each);
      for (const [i, [name, child]] of entries.entries()) {
        const comma = i < entries.length - 1 ? ',' : '';
        const label = isList ? '' : `${JSON.stringify(name)}: `;
        add(child, path ? `${path}.${name}` : name, indent + 1, label, comma);
      }
      lines.push({ path: `${path}/end`, indent, text: `${isList ? ']' : '}'}${after}` });
    } else {
      lines.push({ path, indent, text: `${before}${JSON.stringify(each)}${after}` });
    }
  };
  add(value, '', 0, '', '');
  if (lines.length >= MAX_LINES) lines.push({ path: '', indent: 0, text: '… cut here' });
  return lines;
}

export interface Mark {
  readonly sign: '→' | '=' | '+' | '';
  readonly note: string;
}

export function Payload(props: {
  title: string;
  value: unknown;
  marks?: ReadonlyMap<string, Mark>;
  personalData?: readonly string[];
}) {
  const { title, value, marks, personalData = [] } = props;
  const isShown = useSignal(false);
  const lines = linesOf(value, isShown.value ? [] : personalData);
  const hides = !isShown.value && lines.some(({ text }) => text.includes('hidden'));
  return (
    <div class="payload" tabIndex={0} role="region" aria-label={title}>
      <h4>
        {title}
        {hides && (
          <button
            type="button"
            class="link"
            onClick={() => {
              isShown.value = true;
            }}
          >
            show personal data
          </button>
        )}
      </h4>
      <pre>
        {lines.map(({ path, indent, text }, i) => {
          const mark = marks?.get(path);
          const tone = mark?.sign === '+' ? 'add' : mark?.sign ? 'sel' : marks ? 'dim' : '';
          return (
            <span key={`${i} ${path}`} class={`line ${tone}`}>
              <span class="sign">{mark?.sign ?? ''}</span>
              <span>
                {'  '.repeat(indent)}
                {text}
              </span>
              {mark?.note && <span class="note">{mark.note}</span>}
            </span>
          );
        })}
      </pre>
    </div>
  );
}

/** Input paths of each output path of a transformer's template. */
export function sourcesOf(template: string, paths: Readonly<Record<string, string>>): Map<string, string[]> {
  const sources = new Map<string, string[]>();
  let parsed: unknown;
  try {
    // An unquoted variable becomes a string, so that the template is JSON.
    parsed = JSON.parse(
      template.replace(/(?<=[[,:]\s*)<([\w.-]+)>/g, '"<$1>"').replace(/^\s*<([\w.-]+)>\s*$/, '"<$1>"'),
    );
  } catch {
    return sources;
  }
  const walk = (value: unknown, path: string) => {
    if (typeof value === 'string') {
      const names = [...value.matchAll(/<([\w.-]+)>/g)].map(([, name = '']) => name);
      const from = names.flatMap((name) => (paths[name] ?? name).replace(/^\$\.?/, ''));
      if (from.length > 0) sources.set(path, value === `<${names[0]}>` ? from : [...from, '+']);
    } else if (typeof value === 'object' && value !== null) {
      for (const [key, child] of Object.entries(value)) walk(child, path ? `${path}.${key}` : key);
    }
  };
  walk(parsed, '');
  return sources;
}
