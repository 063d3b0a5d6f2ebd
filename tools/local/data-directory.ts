/** The folder of `--data`. */
import fs from 'node:fs';
import path from 'node:path';
import { InputError } from '../cli/errors';

const REASONS: Readonly<Record<string, string>> = {
  EEXIST: 'is a file; it must be a folder, or not be there yet.',
  ENOTDIR: 'lies within a file; it must be a folder, or not be there yet.',
  EACCES: 'cannot be written: the permission is missing.',
  EPERM: 'cannot be written: the permission is missing.',
  EROFS: 'cannot be written: the file system is read-only.',
  ENOSPC: 'cannot be written: the disk is full.',
};

/**
 * Makes the folder if it is not there, and tries to write into it.
 * @param mustBeEmpty the run is to start from nothing
 * @throws InputError
 */
export function checkDataDirectory(directory: string, mustBeEmpty: boolean): void {
  try {
    fs.mkdirSync(directory, { recursive: true });
    const probe = path.join(directory, '.probe');
    fs.writeFileSync(probe, '');
    fs.rmSync(probe);
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new InputError(`--data ${directory} ${REASONS[code] ?? `cannot be used: ${message}`}`);
  }
  if (mustBeEmpty && fs.readdirSync(directory).length > 0) {
    throw new InputError(
      `--data ${directory} is not empty. With --once the samples must have their effects again, so it needs a new folder.`,
    );
  }
}
