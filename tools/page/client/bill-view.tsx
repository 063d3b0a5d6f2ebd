/** Bill: what a month of the running template costs. */
import { useSignal } from '@preact/signals';
import type { BillReport } from '../model';
import { NoReport, Statements, useReport } from './report';

const usd = (amount: number) =>
  `$${amount.toLocaleString('en-US', {
    minimumFractionDigits: amount < 10 ? 2 : 0,
    maximumFractionDigits: amount < 10 ? 2 : 0,
  })}`;

export function BillView() {
  const report = useReport<BillReport>('cost');
  const at = useSignal(12);
  if (typeof report !== 'object') return <NoReport title="Bill" reason={report} />;
  const { months } = report;
  const chosen = months[Math.min(at.value, months.length - 1)];
  if (!chosen) return <NoReport title="Bill" reason={report.missing ?? 'There is nothing to price.'} />;
  const most = Math.max(...chosen.items.map((item) => item.usd), 0.01);
  return (
    <>
      <div class="pair">
        <section class="panel" aria-label="Bill">
          <header>
            <h2 class="bill">{usd(chosen.usd)}</h2>
            <span class="dim">a month at {chosen.events.toLocaleString('en-US')} events</span>
          </header>
          <div class="preview">
            <label class="slider">
              Events a month
              <input
                id="events-a-month"
                type="range"
                min="0"
                max={months.length - 1}
                value={at.value}
                aria-valuetext={`${chosen.events.toLocaleString('en-US')} events, ${usd(chosen.usd)}`}
                onInput={({ currentTarget }) => (at.value = Number(currentTarget.value))}
              />
            </label>
          </div>
          <Plot months={months} at={at.value} />
        </section>
        <section class="panel" aria-label="Items of the bill">
          <header>
            <h3>What it is made of</h3>
          </header>
          {chosen.items.map(({ name, usd: amount }) => (
            <div key={name} class="cost">
              <span>{name}</span>
              <span class="track">
                <i style={{ width: `${(100 * amount) / most}%` }} />
              </span>
              <span class="right">{usd(amount)}</span>
            </div>
          ))}
        </section>
      </div>
      <Statements title="Not priced" all={report.notPriced} tone="" />
    </>
  );
}

const short = new Intl.NumberFormat('en-US', { notation: 'compact' });

/** Plot of the cost by events, with logarithmic axes. */
function Plot({ months, at }: { months: BillReport['months']; at: number }) {
  const [width, height, margin] = [560, 250, 56];
  const log = (value: number) => Math.log10(Math.max(value, 0.01));
  const xs = months.map(({ events }) => log(events));
  const ys = months.map(({ usd: amount }) => log(amount));
  const [x0, x1, y0, y1] = [
    Math.min(...xs),
    Math.max(...xs),
    Math.floor(Math.min(...ys)),
    Math.ceil(Math.max(...ys)),
  ];
  const x = (value: number) => margin + ((value - x0) / (x1 - x0 || 1)) * (width - margin - 10);
  const y = (value: number) => height - 34 - ((value - y0) / (y1 - y0 || 1)) * (height - 46);
  const points = months.map((_, i) => `${x(xs[i] as number)} ${y(ys[i] as number)}`);
  const ticks = Array.from({ length: y1 - y0 + 1 }, (_, i) => y0 + i);
  const powers = Array.from({ length: Math.floor(x1) - Math.ceil(x0) + 1 }, (_, i) => Math.ceil(x0) + i);
  return (
    <svg class="plot" viewBox={`0 0 ${width} ${height}`} role="img" aria-label="The bill by events a month">
      {ticks.map((tick) => (
        <g key={tick}>
          <path class="grid" d={`M${margin} ${y(tick)}H${width - 10}`} />
          <text class="second" x={margin - 6} y={y(tick) + 4} text-anchor="end">
            {`$${(10 ** tick).toLocaleString('en-US')}`}
          </text>
        </g>
      ))}
      {powers.map((power) => (
        <text key={power} class="second" x={x(power)} y={height - 10} text-anchor="middle">
          {short.format(10 ** power)}
        </text>
      ))}
      <path class="curve" d={`M${points.join('L')}`} />
      <circle class="dot" r="5" cx={x(xs[at] ?? x0)} cy={y(ys[at] ?? y0)} />
    </svg>
  );
}
