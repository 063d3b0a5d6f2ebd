/**
 * Attaches the page to a run. Only the steps are recorded from the start; the rest is loaded at the first request, so
 * that a run without a reader does not start later.
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
  /** Reads the measurement for the cost report; undefined if there is none. */
  measurement(): Measurement | undefined;
}

export class PageAttachment implements Attachment {
  readonly #sources: PageSources;
  readonly #recorder = new Recorder();
  readonly #token = randomBytes(18).toString('base64url');
  #stack: LocalStack | undefined;
  #beside: readonly LocalStack[] = [];
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

  /** @returns the address to open; its fragment holds the token and is not part of any request */
  attach(stack: LocalStack, beside: readonly LocalStack[] = []): string {
    this.#stack = stack;
    this.#beside = beside;
    this.#answer = undefined; // A page that was made for an earlier stack shows that one.
    return `${stack.url}${PREFIX}#token=${this.#token}`;
  }

  #load(): Handler {
    const { Page }: typeof import('./page') = require('./page');
    const app = this.#sources.app();
    if (!this.#stack) throw new Error('The stack has not started yet.');
    const measurement = this.#sources.measurement();
    const page = new Page({
      ...{ app, token: this.#token, recorder: this.#recorder, stack: this.#stack, beside: this.#beside },
      ...(measurement && { measurement }),
    });
    return page.answer;
  }
}
