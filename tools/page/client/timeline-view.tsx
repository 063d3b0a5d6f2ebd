import { took } from './format';
import { StateIcon } from './icons';
import type { Track } from './timeline';

export function Timeline(props: {
  tracks: readonly Track[];
  chosen: string | undefined;
  choose(key: string): void;
}) {
  const { tracks, chosen, choose } = props;
  const scale = scaleOf(tracks);
  return (
    <div class="timeline" role="group" aria-label="Timeline">
      <div class="track head" aria-hidden="true">
        <span>Hop (bar: run, mark: a call)</span>
        <span class="axis">
          <Idle idle={scale.idle} />
          {scale.ticks.map(({ at, text }) => (
            <i key={at} style={{ left: `${at}%` }}>
              {text}
            </i>
          ))}
        </span>
        <span class="right">Took</span>
      </div>
      {tracks.map((track) => (
        <button
          key={track.key}
          type="button"
          class={`track ${track.state}`}
          aria-current={track.key === chosen}
          onClick={() => choose(track.key)}
        >
          <span style={{ paddingLeft: `${track.level * 14}px` }}>
            <StateIcon state={track.state} /> {track.title} <i class="dim">{track.note}</i>
          </span>
          <span class="axis">
            <Idle idle={scale.idle} />
            {track.bars.map((bar) => (
              <i
                key={bar.from}
                class={`bar ${bar.tone}`}
                style={{
                  left: `${scale.at(bar.from)}%`,
                  width: `max(4px, ${scale.at(bar.to) - scale.at(bar.from)}%)`,
                }}
              />
            ))}
            {track.marks.map((mark) => (
              <i key={mark.at} class="mark" style={{ left: `${scale.at(mark.at)}%` }} title={mark.says} />
            ))}
          </span>
          <span class="right">{track.tookMs === undefined ? '' : took(track.tookMs)}</span>
        </button>
      ))}
    </div>
  );
}

/** Stretches without work, whose length is not to scale. */
const Idle = ({ idle }: { idle: readonly { readonly at: number; readonly width: number }[] }) => (
  <>
    {idle.map(({ at, width }) => (
      <i key={at} class="idle" style={{ left: `${at}%`, width: `${width}%` }} />
    ))}
  </>
);

/** Minimum idle time that is drawn as a short gap, in milliseconds. */
const IDLE_MS = 1_000;

function scaleOf(tracks: readonly Track[]) {
  const points = tracks.flatMap(({ bars, marks }) => [
    ...bars.flatMap(({ from, to }) => [from, to]),
    ...marks.map(({ at }) => at),
  ]);
  const sorted = [...new Set([0, ...points])].sort((a, b) => a - b);
  const busy = (from: number, to: number) =>
    tracks.some(({ bars }) => bars.some((bar) => bar.from <= from && bar.to >= to));
  // Positions on a line whose long idle stretches are shortened to a sixth of the rest.
  const work = sorted.slice(1).reduce((sum, at, i) => {
    const before = sorted[i] as number;
    return sum + (at - before > IDLE_MS && !busy(before, at) ? 0 : at - before);
  }, 0);
  const gap = Math.max(2, work / 6);
  const places = new Map<number, number>();
  const ticks: { at: number; text: string }[] = [];
  let place = 0;
  for (const [i, at] of sorted.entries()) {
    const before = sorted[i - 1] ?? 0;
    const isIdle = at - before > IDLE_MS && !busy(before, at);
    if (isIdle) ticks.push({ at: place, text: `${took(at - before)}` });
    place += isIdle ? gap : at - before;
    places.set(at, place);
  }
  const total = Math.max(1, place);
  return {
    idle: ticks.map(({ at }) => ({ at: (100 * at) / total, width: (100 * gap) / total })),
    at: (ms: number) => (100 * (places.get(ms) ?? 0)) / total,
    ticks: [
      { at: 0, text: '0' },
      ...ticks.map(({ at, text }) => ({ at: (100 * at) / total, text })),
      { at: 92, text: took(sorted.at(-1) ?? 0) },
    ],
  };
}
