/**
 * Where a KD target is, as a person writes it: `unix:/tmp/vm.sock`, `pipe:com_1` (or `\\.\pipe\com_1`), `tcp:host:port`,
 * `serial:/dev/ttyUSB0` or `serial:COM1,115200`, `net:50000,key=w.x.y.z` (the port that we listen on), `replay:session.jsonl` (a recording).
 */
import { EventscopeError } from '../../../protocol/errors.js';

export type KdAddress =
  | { readonly kind: 'unix' | 'pipe'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'serial'; readonly path: string; readonly baudRate: number }
  /** A recorded session that stands for a target. */
  | { readonly kind: 'replay'; readonly path: string }
  | { readonly kind: 'net'; readonly port: number; readonly key: string; readonly targetHost?: string };

const FORMS =
  'unix:PATH, pipe:NAME, tcp:HOST:PORT, serial:DEVICE[,BAUD], net:PORT,key=W.X.Y.Z[,target=HOST] or replay:FILE';
const DEFAULT_BAUD = 115_200;

const malformed = (text: string, why: string): EventscopeError =>
  new EventscopeError({
    id: 'debug.kdAddress',
    what: `${text} is no address of a KD target`,
    why,
    next: `Write ${FORMS}`,
  });

function portNumber(text: string, whole: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) throw malformed(whole, `${text} is no port number`);
  return port;
}

function parseTcp(rest: string, text: string): KdAddress {
  const match = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(rest);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || match?.[3] === undefined) throw malformed(text, 'tcp: wants a host and a port');
  return { kind: 'tcp', host, port: portNumber(match[3], text) };
}

function parseSerial(rest: string, text: string): KdAddress {
  const [path = '', baud = String(DEFAULT_BAUD), ...more] = rest.split(',');
  const baudRate = Number(baud);
  if (path === '' || more.length > 0 || !Number.isInteger(baudRate) || baudRate < 300 || baudRate > 4_000_000) {
    throw malformed(text, 'serial: wants a device and a speed in baud');
  }
  return { kind: 'serial', path, baudRate };
}

function parseNet(rest: string, text: string): KdAddress {
  const [port = '', ...options] = rest.split(',');
  let key: string | undefined;
  let targetHost: string | undefined;
  for (const option of options) {
    const [name, value = ''] = option.split(/=(.*)/s);
    if (name === 'key') key = value;
    else if (name === 'target') targetHost = value;
    else throw malformed(text, `${option} is not known`);
  }
  // The key itself is checked where it is used; it is a secret and stays out of messages.
  if (key === undefined || key === '') throw malformed(`net:${port}`, 'the key is missing');
  return {
    kind: 'net',
    port: portNumber(port, `net:${port}`),
    key,
    ...(targetHost === undefined ? {} : { targetHost }),
  };
}

export function parseKdAddress(text: string): KdAddress {
  if (text.startsWith('\\\\')) return { kind: 'pipe', path: text };
  const match = /^([a-z]+):(.+)$/s.exec(text);
  const rest = match?.[2] ?? '';
  switch (match?.[1] ?? '') {
    case 'unix':
      return { kind: 'unix', path: rest };
    case 'pipe':
      return { kind: 'pipe', path: rest.startsWith('\\\\') ? rest : `\\\\.\\pipe\\${rest}` };
    case 'tcp':
      return parseTcp(rest, text);
    case 'serial':
      return parseSerial(rest, text);
    case 'net':
      return parseNet(rest, text);
    case 'replay':
      return { kind: 'replay', path: rest };
    default:
      throw malformed(text.startsWith('net') ? 'net' : text, 'its kind is not known');
  }
}

/** For messages and logs: without the key. */
export function describeKdAddress(address: KdAddress): string {
  switch (address.kind) {
    case 'unix':
    case 'replay':
      return `${address.kind}:${address.path}`;
    case 'pipe':
      return address.path;
    case 'tcp':
      return `tcp:${address.host}:${address.port}`;
    case 'serial':
      return `serial:${address.path},${address.baudRate}`;
    case 'net':
      return `net:${address.port}`;
  }
}
