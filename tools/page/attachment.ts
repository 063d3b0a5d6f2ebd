/**
 * Puts the page onto a run. Only the list of steps is kept from the start; the rest is loaded when the page is first
 * asked for, so that a run that nobody looks at starts no later.
 */
import { randomBytes } from 'node:crypto';
import type { App } from '../app';
import type { Handler } from '../local/endpoint/answer';
import type { Attachment } from '../local/run';
import type { LocalStack } from '../local/stack';
import type { Measurement } from '../proof/cost/measurement';
import { Recorder } from './recorder';

const PREFIX = '/_page';

export interface PageSources {
  /** Loads the description of the app. */
  app(): App;
  /** Reads what the bill is computed from; undefined if there is nothing. */
  measurement(): Measurement | undefined;
}

export class PageAttachment implements Attachment {
  readonly #sources: PageSources;
  readonly #recorder = new Recorder();
  readonly #token = randomBytes(18).toString('base64url');
  #stack: LocalStack | undefined;
  #answer: Handler | undefined;

  constructor(sources: PageSources) {
    this.#sources = sources;
  }

  readonly onStep = this.#recorder.onStep;

  readonly handlers: Readonly<Record<string, Handler>> = {
    [PREFIX]: async (request, context) => {
      this.#answer ??= this.#load();
      return this.#answer(request, context);
    },
  };

  /** @returns the address to open; the token stands in its fragment, which no request carries */
  attach(stack: LocalStack): string {
    this.#stack = stack;
    this.#answer = undefined; // The page of a stack that was started before shows that one.
    return `${stack.url}${PREFIX}#token=${this.#token}`;
  }

  #load(): Handler {
    const { Page }: typeof import('./page') = require('./page');
    const app = this.#sources.app();
    if (!this.#stack) throw new Error('The stack has not started yet.');
    const measurement = this.#sources.measurement();
    const page = new Page({
      ...{ app, token: this.#token, recorder: this.#recorder, stack: this.#stack },
      ...(measurement && { measurement }),
    });
    return page.answer;
  }
}
