/**
 * Preloaded into a function's process, its worker threads and the Node processes that it forks: no host is reached
 * but those in LOCAL_RUN_EGRESS (`host` or `host:port`, separated by blanks). The call fails with the host's name,
 * before the name is looked up. A program that is no Node (`curl`, say) is not held by this.
 */
'use strict';

const net = require('node:net');

const allowed = (process.env.LOCAL_RUN_EGRESS ?? '').split(' ');

/** @returns the error that the call fails with, or undefined if it may go on */
function refusal(host, port) {
  const name = host.includes(':') ? `[${host}]` : host;
  const place = port === undefined ? name : `${name}:${port}`;
  if (allowed.includes(name) || allowed.includes(host) || allowed.includes(place)) return undefined;
  process.emit('local-run:egress-refused', place);
  const error = new Error(
    `The local run lets no handler reach ${place}. Start it with --allow-egress ${host} to allow it.`,
  );
  return Object.assign(error, { name: 'EgressRefusedError', code: 'EACCES', syscall: 'connect' });
}

/** `net.connect` takes (options), (port, host) and (path), and hands them on in an array. */
function destinationOf([first, second]) {
  if (Array.isArray(first)) return destinationOf(first);
  if (typeof first === 'object' && first !== null) {
    return first.path && first.port === undefined
      ? { host: first.path }
      : { host: first.host ?? 'localhost', port: first.port };
  }
  if (Number.isNaN(Number(first))) return { host: String(first) };
  return { host: typeof second === 'string' ? second : 'localhost', port: Number(first) };
}

// Everything on TCP ends here: http, https, http2, tls, fetch.
const { connect } = net.Socket.prototype;
net.Socket.prototype.connect = function (...args) {
  const { host, port } = destinationOf(args);
  const error = refusal(host, port);
  if (!error) return connect.apply(this, args);
  // As with a name that cannot be looked up: what is written meanwhile waits, and the failure comes after the caller
  // has had a chance to listen for it.
  this.connecting = true;
  process.nextTick(() => this.destroy(error));
  return this;
};

// UDP is loaded by few, and only by `require`: `import` gets the same object.
const dgram = require('node:dgram');
for (const method of ['send', 'connect']) {
  const original = dgram.Socket.prototype[method];
  dgram.Socket.prototype[method] = function (...args) {
    const done = args.findLast((each) => typeof each === 'function');
    const [, ...rest] = method === 'send' ? args : [undefined, ...args];
    const host = rest.findLast((each) => typeof each === 'string');
    // A datagram of a connected socket has no address of its own.
    const error =
      host === undefined && method === 'send' && isConnected(this)
        ? undefined
        : refusal(host ?? 'localhost', undefined);
    if (!error) return original.apply(this, args);
    if (done) process.nextTick(done, error);
    else process.nextTick(() => this.emit('error', error));
    return undefined;
  };
}

function isConnected(socket) {
  try {
    socket.remoteAddress();
    return true;
  } catch {
    return false;
  }
}
