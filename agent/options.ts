/** The agent's own command line and environment. */
import { readFileSync, rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { TOKEN_BYTES } from '../protocol/agent-wire.js';

export const TOKEN_VARIABLE = 'EVENTSCOPE_AGENT_TOKEN';

export interface AgentOptions {
  readonly portFile: string;
  readonly token: Uint8Array;
  readonly dbgPrintLog: string | undefined;
  readonly logFile: string | undefined;
  /** The agent ends when no client was let in for so long, in ms. */
  readonly clientTimeoutMs: number;
}

const CLIENT_TIMEOUT_SECONDS = 60;
const MAX_CLIENT_TIMEOUT_SECONDS = 86_400;

function readTimeout(text: string | undefined): number {
  const seconds = text === undefined ? CLIENT_TIMEOUT_SECONDS : Number(text);
  if (!Number.isInteger(seconds) || seconds < 1 || seconds > MAX_CLIENT_TIMEOUT_SECONDS) {
    throw new Error(`--client-timeout is a number of seconds from 1 to ${MAX_CLIENT_TIMEOUT_SECONDS}`);
  }
  return seconds * 1_000;
}

/** Reads the options, and takes the token out of reach of everything that is started later. Throws Error on bad ones. */
export function readOptions(args: readonly string[], environment: NodeJS.ProcessEnv): AgentOptions {
  const { values } = parseArgs({
    args: [...args],
    options: {
      'port-file': { type: 'string' },
      'token-file': { type: 'string' },
      'dbgprint-log': { type: 'string' },
      log: { type: 'string' },
      'client-timeout': { type: 'string' },
    },
  });
  const portFile = values['port-file'];
  if (portFile === undefined) {
    throw new Error('--port-file is missing: the file to write the port to');
  }
  let text = environment[TOKEN_VARIABLE];
  // What we start must not inherit it.
  Reflect.deleteProperty(environment, TOKEN_VARIABLE);
  const tokenFile = values['token-file'];
  if (tokenFile !== undefined) {
    text = readFileSync(tokenFile, 'utf8');
    rmSync(tokenFile, { force: true });
  }
  const hex = text?.trim();
  if (hex === undefined || !/^[0-9a-fA-F]+$/.test(hex) || hex.length !== TOKEN_BYTES * 2) {
    throw new Error(
      `The token is missing or is not ${TOKEN_BYTES * 2} hexadecimal digits: ${TOKEN_VARIABLE} or --token-file`,
    );
  }
  return {
    portFile,
    token: new Uint8Array(Buffer.from(hex, 'hex')),
    dbgPrintLog: values['dbgprint-log'],
    logFile: values.log,
    clientTimeoutMs: readTimeout(values['client-timeout']),
  };
}
