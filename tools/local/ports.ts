/** Ports that are free before anything is started on them. */
import net from 'node:net';
import { InputError } from '../cli/errors';
import type { Assembly } from '../template/assembly';
import { PortInUseError } from './endpoint/server';

/** Node's own, at which debuggers look first. */
const FIRST_INSPECT_PORT = 9229;

/** @throws PortInUseError */
export async function requireFreePort(port: number): Promise<void> {
  if (!(await isFree(port))) throw new PortInUseError(port);
}

/**
 * Chooses a port for each function that is to be debugged.
 * @param wanted the function's name or its end, or true for all functions
 * @throws InputError if there is no such function
 */
export async function inspectPorts(assembly: Assembly, wanted: string | true): Promise<Map<string, number>> {
  const names = assembly.ofType('AWS::Lambda::Function').map(({ name }) => name);
  const chosen = names.filter((name) => wanted === true || name === wanted || name.endsWith(`-${wanted}`));
  if (chosen.length === 0) {
    throw new InputError(`--inspect ${wanted}: there is no such function. There are: ${names.join(', ')}.`);
  }
  const ports = new Map<string, number>();
  let port = FIRST_INSPECT_PORT;
  for (const name of chosen) {
    while (!(await isFree(port))) port++;
    ports.set(name, port++);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = net.createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
