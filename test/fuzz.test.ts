/** 1,000 inputs of chance for each parser of outside input; `npm run sim -- --fuzz 100000` takes more. */
import { FUZZED } from '../bin/fuzzed-parsers';
import { fuzz } from '../tools/sim/fuzz';

test.each(FUZZED.map((parser) => [parser.name, parser] as const))(
  '%s: taken, or refused by its own error, without a crash, a hang, a trace or personal data',
  (_, parser) => {
    expect(fuzz(parser, 1_000, 15)).toBeUndefined();
  },
);

test('a parser that crashes, tells an address or changes a prototype is found', () => {
  const parser = {
    name: 'x',
    examples: [{ a: { b: 'jane' } }, 'jane'],
    refuses: [SyntaxError],
    personal: /jane/,
  };
  const crash = (input: { a: { b: string } }) => typeof input === 'object' && input.a.b.length;
  expect(fuzz({ ...parser, read: crash as never }, 200, 1)?.problem).toMatch(/^crashed: TypeError/);
  const tell = (input: unknown) => {
    throw new SyntaxError(JSON.stringify(input));
  };
  expect(fuzz({ ...parser, read: tell as never }, 200, 1)?.problem).toMatch(/^told personal data/);
  const pollute = (input: unknown) => {
    if (input === null) Object.defineProperty(Object.prototype, 'polluted', { value: 1, configurable: true });
  };
  try {
    expect(
      fuzz({ ...parser, examples: [{ a: null }, null], read: pollute as never }, 200, 1)?.problem,
    ).toMatch(/^changed the/);
  } finally {
    Reflect.deleteProperty(Object.prototype, 'polluted');
  }
});
