/** Command-line options for the template that a command reads. */

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type Command, InvalidArgumentError } from 'commander';
import { InputError } from '../../cli/errors';
import { resolveGiven } from '../../cli/path';
import { defined } from '../../defined';
import { type Assembly, type AssemblyOptions, readAssembly } from '../assembly';
import { synthesize } from './synthesize';

const PROJECT = join(__dirname, '..', '..', '..');

export interface AssemblySource {
  /** A folder that `cdk synth` wrote. @default the stack is synthesized first, if anything of it has changed */
  readonly assembly?: string;
  /** A file with a CloudFormation template, instead of an assembly. */
  readonly template?: string;
  /** Name of a stack. @default all */
  readonly stack?: string;
  readonly parameter?: Readonly<Record<string, string>>;
  readonly region?: string;
  readonly account?: string;
}

/** Adds the options that `loadAssembly` takes. */
export function withAssemblyOptions(command: Command): Command {
  return command
    .option('--assembly <dir>', 'read this assembly (a cdk.out) instead of synthesizing the stack')
    .option('--template <file>', 'read this CloudFormation template, in JSON or YAML, instead')
    .option('--stack <name>', 'of several stacks only this one')
    .option('--parameter <name=value>', "value of a template's parameter; may be repeated", parameter)
    .option(
      '--region <region>',
      'region, if the stack does not say (default: AWS_REGION, else us-east-1)',
      (text) => matching(text, /^[a-z]{2}(-[a-z]+)+-\d$/, 'a region such as eu-west-1'),
    )
    .option('--account <id>', 'account, if the stack does not say (default: 000000000000)', (text) =>
      matching(text, /^\d{12}$/, 'the 12 digits of an account'),
    );
}

function parameter(text: string, others: AssemblySource['parameter'] = {}): AssemblySource['parameter'] {
  const [, name, value] = /^([A-Za-z0-9]+)=(.*)$/s.exec(text) ?? [];
  if (name === undefined || value === undefined) throw new InvalidArgumentError('Expected name=value.');
  return { ...others, [name]: value };
}

function matching(text: string, pattern: RegExp, expected: string): string {
  if (pattern.test(text)) return text;
  throw new InvalidArgumentError(`Expected ${expected}.`);
}

/**
 * @throws InputError if the path is no assembly, or the stack cannot be synthesized
 * @throws AssemblyError if its template cannot be evaluated
 */
export async function loadAssembly(source: AssemblySource): Promise<Assembly> {
  const { assembly: directory, template: file } = source;
  if (directory !== undefined && file !== undefined) {
    throw new InputError('--assembly and --template exclude each other.');
  }
  if (directory !== undefined) return read(placeOf('--assembly', directory, 'Directory'), source);
  if (file !== undefined) return read(placeOf('--template', file, 'File'), source);
  return read((await synthesize(PROJECT)).directory, source);
}

/** Options of the reader, from those of a command. */
export function readerOptions({ stack, parameter, region, account }: AssemblySource): AssemblyOptions {
  return {
    ...defined({ stackName: stack, parameters: parameter, region, account }),
  };
}

function read(place: string, source: AssemblySource): Assembly {
  const assembly = readAssembly(place, readerOptions(source));
  const { resources, notCovered, absent } = assembly;
  if (resources.size + notCovered.length + absent.length > 0) return assembly;
  throw new InputError(`${place} has a template without resources.`);
}

function placeOf(option: string, given: string, kind: 'Directory' | 'File'): string {
  const place = resolveGiven(given);
  const stat = statSync(place, { throwIfNoEntry: false });
  if (stat?.[`is${kind}`]()) return place;
  const expected =
    kind === 'File' ? 'file; expected one with a template' : 'folder; expected one that `cdk synth` wrote';
  throw new InputError(`${option} ${given} is not a ${expected}.`);
}

/**
 * Reads a folder that `cdk synth` wrote, or a file with a template.
 * @param option name of the option with the path, e.g. `--compare`, for errors
 * @throws InputError, AssemblyError
 */
export function readTemplate(given: string, option: string): Assembly {
  const place = resolveGiven(given);
  if (!statSync(place, { throwIfNoEntry: false })) {
    throw new InputError(`${option} ${given} does not exist; expected a cdk.out or a template.`);
  }
  return read(place, {});
}
