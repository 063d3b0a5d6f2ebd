/** Bars side by side, chart below chart, as SVG without anything from elsewhere. */

export interface Bars {
  readonly title: string;
  readonly unit: string;
  /** Names of the bars of each group, e.g. `the original`. */
  readonly names: readonly string[];
  readonly groups: readonly { readonly label: string; readonly values: readonly number[] }[];
}

const COLOURS = ['#9aa5b1', '#2f6fd0', '#d08a2f'];
const [WIDTH, LEFT, BAR, GAP, TOP] = [720, 210, 13, 10, 54];
/** Room for a value beside its bar. */
const VALUE_WIDTH = 70;

const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const round = (value: number): number => Number(value.toFixed(1));

/** One picture of all charts, each with a scale of its own. */
export function barsSvg(charts: readonly Bars[]): string {
  let height = 0;
  const drawn = charts.map((chart) => {
    const at = height;
    height += heightOf(chart);
    return [`<g transform="translate(0 ${at})">`, ...chartSvg(chart), '</g>'].join('\n');
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="11">`,
    `<title>${escaped(charts.map(({ title }) => title).join('; '))}</title>`,
    `<rect width="${WIDTH}" height="${height}" fill="#ffffff"/>`,
    ...drawn,
    '</svg>\n',
  ].join('\n');
}

const groupHeight = ({ names }: Bars): number => names.length * BAR + GAP;
const heightOf = (chart: Bars): number => TOP + chart.groups.length * groupHeight(chart) + 10;

function chartSvg(chart: Bars): string[] {
  const { title, unit, names, groups } = chart;
  const most = Math.max(...groups.flatMap(({ values }) => values));
  const text = (x: number, y: number, content: string, more = '') =>
    `<text x="${round(x)}" y="${round(y)}"${more}>${escaped(content)}</text>`;
  const legend = names.map(
    (name, index) =>
      `<rect x="${LEFT + index * 160}" y="30" width="10" height="10" fill="${COLOURS[index]}"/>${text(
        LEFT + 16 + index * 160,
        39,
        name,
      )}`,
  );
  const bars = groups.flatMap(({ label, values }, group) => {
    const y = TOP + group * groupHeight(chart);
    return [
      text(LEFT - 10, y + (names.length * BAR) / 2 + 4, label, ' text-anchor="end"'),
      ...values.map((value, index) => {
        const width = ((WIDTH - LEFT - VALUE_WIDTH) * value) / most;
        const top = y + index * BAR;
        return (
          `<rect x="${LEFT}" y="${top}" width="${round(width)}" height="${BAR - 2}" fill="${COLOURS[index]}"/>` +
          text(LEFT + width + 5, top + BAR - 3, `${Math.round(value)} ${unit}`)
        );
      }),
    ];
  });
  return [
    text(10, 18, title, ' font-size="14" font-weight="bold"'),
    ...(names.length > 1 ? legend : []),
    ...bars,
  ];
}
