/** SVG picture of the flow, light or dark as the reader's system. */
import type { NodeKind } from './flow';
import type { PlacedEdge, PlacedFlow, PlacedNode } from './flow-layout';

/** Icons of 14 x 14 units, drawn with lines. */
export const ICONS: Readonly<Record<NodeKind, string>> = {
  publisher: 'M2 7h9M8 4l3 3-3 3',
  pipe: 'M2 5h10M2 9h10M4 3v8M10 3v8',
  schedule: 'M7 1.5a5.5 5.5 0 1 0 0 11a5.5 5.5 0 1 0 0-11M7 4v3l2 1.5',
  bus: 'M4.2 2h5.6l2.8 5-2.8 5H4.2L1.4 7z',
  archive: 'M1.5 2.5h11v3h-11zM2.5 5.5v6h9v-6M5.5 8h3',
  rule: 'M1.5 2.5h11L8.5 7v4l-3 1.5V7z',
  function: 'M3 2h2l4.5 10H12M6.2 6L3 12',
  queue: 'M2 3.5h10M2 7h10M2 10.5h6',
  topic: 'M2 5.5v3h2.5l5 3v-9l-5 3zM11.5 5.5v3',
  table: 'M1.5 2.5h11v9h-11zM1.5 5.5h11M5.5 5.5v6',
  stream: 'M1.5 5c2-2 3.5-2 5.5 0s3.5 2 5.5 0M1.5 9.5c2-2 3.5-2 5.5 0s3.5 2 5.5 0',
  bucket: 'M2 3h10l-1.5 9h-7zM2 3a5 1.3 0 0 0 10 0',
  subscriber: 'M1.5 3h11v8h-11zM1.5 3.5L7 8l5.5-4.5',
  port: 'M11 11V6H3M6 3L3 6l3 3',
  other: 'M2.5 2.5h9v9h-9z',
};

const STYLE = `
  text{font:13px system-ui,-apple-system,'Segoe UI',sans-serif;fill:#1d1d1b}
  .dim{font-size:10.5px;fill:#5c5c57}
  rect{fill:#fff;stroke:#c9c9c2}
  path{fill:none;stroke:#8e8e86;stroke-width:1.2}
  .icon{stroke:#5c5c57}.failure,.replay,.reads{stroke-dasharray:4 3}.head{fill:#8e8e86;stroke:none}
  @media(prefers-color-scheme:dark){
    text{fill:#e9e9e6}.dim{fill:#a2a6ad}rect{fill:#16181b;stroke:#3d4249}
    path{stroke:#6f7680}.icon{stroke:#a2a6ad}.head{fill:#6f7680}
  }
`;

/** @returns an SVG document, the same for the same template */
export function drawSvg(flow: PlacedFlow, title: string): string {
  const { width, height } = flow;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">`,
    `<title>${escaped(title)}</title><style>${STYLE}</style>`,
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path class="head" d="M0 1L7 4L0 7z"/></marker></defs>',
    ...flow.edges.map(edge),
    ...flow.nodes.map(node),
    '</svg>\n',
  ].join('\n');
}

function edge({ path, kind, label }: PlacedEdge): string {
  const title = label ? `<title>${escaped(label)}</title>` : '';
  return `<path class="${kind}" d="${path}" marker-end="url(#head)">${title}</path>`;
}

function node({ kind, title, subtitle, x, y, width, height }: PlacedNode): string {
  return (
    `<g><title>${escaped(`${title}: ${subtitle}`)}</title>` +
    `<rect x="${x}" y="${y}" width="${width}" height="${height}" rx="6"/>` +
    `<path class="icon" transform="translate(${x + 9} ${y + 11})" d="${ICONS[kind]}"/>` +
    `<text x="${x + 30}" y="${y + 15.5}">${escaped(cut(title, width - 36, 7))}</text>` +
    `<text class="dim" x="${x + 30}" y="${y + 28.5}">${escaped(cut(subtitle, width - 36, 5.6))}</text></g>`
  );
}

/** Shortens a text to a width, with `perCharacter` units for each character. */
export function cut(text: string, width: number, perCharacter: number): string {
  const most = Math.floor(width / perCharacter);
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

function escaped(text: string): string {
  return text.replace(/[&<>"\p{Cc}]/gu, (character) => `&#${character.codePointAt(0)};`);
}
