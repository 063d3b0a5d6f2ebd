import { at, fails, MINUTE, SimulatedAlarms, waiting } from './simulated-alarms';
import { synthesize } from './synthesize';

const alarms = new SimulatedAlarms(synthesize());
const [FUNCTION = ''] = alarms.names('AWS::Lambda::Function');
const told = (...points: Parameters<SimulatedAlarms['mails']>[0][]) =>
  alarms.mails(points.flat()).map(({ topic, alarm, says }) => `${topic}: ${alarm} ${says}`);

test('nobody hears of a first deployment', () => {
  expect(told()).toEqual([]);
});

test('a function that fails is one mail, and one when it is over', () => {
  const from = at(15, '10:00');
  const failures = [0, 10, 20].flatMap((minutes) => fails(FUNCTION, from + minutes * MINUTE));
  const cause = `${FUNCTION.replace('event-driven-', '')}-failing`;
  expect(told(failures, waiting('event-driven-failed-events', from + 3 * MINUTE, at(15, '10:40')))).toEqual([
    `alarms: ${cause} alarm`,
    `alarms: ${cause} over`,
  ]);
});
