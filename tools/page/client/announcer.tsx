/** Tells a screen reader what came, every ten seconds at most: a log of each event would never end. */
import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { come, stateCounts } from './events';
import { plural } from './format';

const INTERVAL_MS = 10_000;

export function Announcer() {
  const text = useSignal('');
  useEffect(() => {
    let [seen, failed] = [come(), stateCounts.peek().failed ?? 0];
    const timer = setInterval(() => {
      const [count, failures] = [come(), stateCounts.peek().failed ?? 0];
      const [fresh, more] = [count - seen, failures - failed];
      [seen, failed] = [count, failures];
      if (fresh > 0 || more > 0)
        text.value = `${plural(fresh, 'new event')}${more > 0 ? `, ${more} more failed` : ''}`;
    }, INTERVAL_MS);
    return () => clearInterval(timer);
  }, []);
  return (
    <p class="unseen" role="status">
      {text.value}
    </p>
  );
}
