/**
 * One authenticated SSH connection to a test machine: commands, SFTP sessions, and tunnels to its loopback.
 *
 * A lost connection stays lost: every wait on it ends with the reason, and nothing reconnects behind its user's back.
 */
import type { Duplex } from 'node:stream';
import ssh2, { type Client, type ClientChannel, type ConnectConfig, type SFTPWrapper } from 'ssh2';
import { CancelledError, EventscopeError } from '../../protocol/errors.js';
import { authenticationConfig } from './authentication.js';
import { bounded } from './bounded.js';
import { HostKeyGate } from './host-key.js';
import type { SshTargetSettings } from './settings.js';

export const CONNECT_TIMEOUT_MS = 20_000;
/** Three unanswered questions in a row: a dead link is noticed within 20 s. */
const KEEPALIVE_INTERVAL_MS = 5_000;
const KEEPALIVE_MISSES = 3;
const OPEN_CHANNEL_TIMEOUT_MS = 15_000;
const MAX_COMMAND_OUTPUT_BYTES = 1024 * 1024;

export interface CommandResult {
  /** undefined: ended by a signal or without a status. */
  readonly exitCode: number | undefined;
  readonly output: string;
  readonly errorOutput: string;
}

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  readonly timeoutMs?: number;
}

export class SshConnection {
  readonly #client: Client;
  readonly #settings: SshTargetSettings;
  readonly #lostListeners = new Set<(reason: Error) => void>();
  #lostReason: EventscopeError | undefined;

  private constructor(client: Client, settings: SshTargetSettings) {
    this.#client = client;
    this.#settings = settings;
    let failure: Error | undefined;
    client.on('error', (error) => (failure ??= error));
    client.on('close', () => this.#lose(failure));
  }

  /**
   * @throws EventscopeError "ssh.unreachable", "ssh.timeout", "ssh.authentication", "ssh.privateKey", "ssh.protocol",
   *   and those of {@link HostKeyGate}.
   */
  static async open(settings: SshTargetSettings, options: WaitOptions = {}): Promise<SshConnection> {
    const gate = await HostKeyGate.load(settings);
    const config: ConnectConfig = {
      ...(await authenticationConfig(settings)),
      host: settings.host,
      port: settings.port,
      username: settings.user,
      algorithms: { serverHostKey: gate.algorithms() },
      hostVerifier: (key: Buffer): boolean => gate.accepts(key),
      keepaliveInterval: KEEPALIVE_INTERVAL_MS,
      keepaliveCountMax: KEEPALIVE_MISSES,
      // Ours below is the one limit, and it covers name resolution and authentication as well.
      readyTimeout: 0,
    };
    const timeoutMs = options.timeoutMs ?? CONNECT_TIMEOUT_MS;
    const client = new ssh2.Client();
    // Errors that come after the wait below has ended would otherwise be thrown by the emitter.
    client.on('error', () => undefined);
    return await bounded<SshConnection>(
      (resolve, reject) => {
        client.once('ready', () => {
          // Requests are small and wait for their answers.
          client.setNoDelay(true);
          resolve(new SshConnection(client, settings));
        });
        client.once('error', (error) => reject(connectError(settings, error, gate)));
        client.once('close', () => reject(connectError(settings, new Error('the server hung up'), gate)));
        client.connect(config);
      },
      {
        signal: options.signal,
        timeoutMs,
        onTimeout: () =>
          new EventscopeError({
            id: 'ssh.timeout',
            what: `The test machine ${settings.host}:${settings.port} did not answer`,
            target: settings.name,
            why: `no SSH session within ${timeoutMs / 1000} s`,
            next: 'Check that the machine is on and that its sshd service runs',
          }),
        abandon: () => client.destroy(),
      },
    ).catch((error: unknown) => {
      client.destroy();
      throw error;
    });
  }

  get lost(): EventscopeError | undefined {
    return this.#lostReason;
  }

  /** The listener is called once, also when the connection is lost already. Returns the end of the registration. */
  onLost(listener: (reason: Error) => void): () => void {
    if (this.#lostReason !== undefined) {
      listener(this.#lostReason);
      return () => undefined;
    }
    this.#lostListeners.add(listener);
    return () => this.#lostListeners.delete(listener);
  }

  /** Runs a command to its end. Output beyond 1 MiB is an error, not memory. */
  async run(command: string, options: WaitOptions = {}): Promise<CommandResult> {
    const timeoutMs = options.timeoutMs ?? 30_000;
    const channel = await this.start(command, options);
    return await bounded<CommandResult>(
      (resolve, reject) => {
        const output = collect(channel, (error) => reject(this.#commandError(command, error)));
        const errorOutput = collect(channel.stderr, (error) => reject(this.#commandError(command, error)));
        let exitCode: number | undefined;
        channel.once('exit', (code: number | null) => (exitCode = code ?? undefined));
        // A lost link closes its channels before it tells of the loss itself: that reason is the better answer.
        channel.once('close', () =>
          setImmediate(() => resolve({ exitCode, output: output(), errorOutput: errorOutput() })),
        );
        channel.end();
      },
      {
        signal: options.signal,
        timeoutMs,
        onTimeout: () => this.#commandError(command, `it did not end within ${timeoutMs / 1000} s`),
        onLost: (listener) => this.onLost(listener),
        abandon: () => channel.close(),
      },
    );
  }

  /** Starts a command and leaves its channel to the caller. */
  async start(command: string, options: WaitOptions = {}): Promise<ClientChannel> {
    return await this.#open<ClientChannel>('a command', options, (done) => this.#client.exec(command, done));
  }

  async openSftp(options: WaitOptions = {}): Promise<SFTPWrapper> {
    return await this.#open<SFTPWrapper>('an SFTP session', options, (done) => this.#client.sftp(done));
  }

  /** A stream to a port on the machine's own loopback; no port is opened on the network. */
  async openTunnel(port: number, options: WaitOptions = {}): Promise<Duplex> {
    return await this.#open<ClientChannel>('a tunnel', options, (done) =>
      this.#client.forwardOut('127.0.0.1', 0, '127.0.0.1', port, done),
    );
  }

  /** Says goodbye; after a bounded wait the socket is closed without it. */
  async close(): Promise<void> {
    if (this.#lostReason !== undefined) return;
    this.#client.end();
    await bounded<undefined>((resolve) => this.onLost(() => resolve(undefined)), {
      timeoutMs: 2_000,
      onTimeout: () => new Error('unanswered'),
      abandon: () => this.#client.destroy(),
    }).catch(() => undefined);
  }

  async #open<T>(
    what: string,
    options: WaitOptions,
    begin: (done: (error: Error | undefined, channel: T) => void) => void,
  ): Promise<T> {
    const timeoutMs = options.timeoutMs ?? OPEN_CHANNEL_TIMEOUT_MS;
    const failed = (why: string, cause?: Error): EventscopeError =>
      new EventscopeError({
        id: 'ssh.channel',
        what: `The test machine did not open ${what}`,
        target: this.#settings.name,
        why,
        next: 'Check that its sshd_config allows AllowTcpForwarding (local) and the sftp subsystem',
        cause,
      });
    return await bounded<T>(
      (resolve, reject) =>
        begin((error, channel) => {
          if (error === undefined) resolve(channel);
          else if (this.#lostReason !== undefined) reject(this.#lostReason);
          else reject(failed(error.message, error));
        }),
      {
        signal: options.signal,
        timeoutMs,
        onTimeout: () => failed(`no answer within ${timeoutMs / 1000} s`),
        onLost: (listener) => this.onLost(listener),
      },
    );
  }

  #commandError(command: string, why: string): EventscopeError {
    return new EventscopeError({
      id: 'ssh.command',
      what: `A command did not complete on the test machine`,
      target: this.#settings.name,
      why,
      data: { command },
    });
  }

  #lose(failure: Error | undefined): void {
    this.#lostReason ??= new EventscopeError({
      id: 'ssh.lost',
      what: `The connection to ${this.#settings.host}:${this.#settings.port} was lost`,
      target: this.#settings.name,
      why: failure?.message ?? 'the other end closed it',
      next: 'Check the machine and the network, then run the command again',
      cause: failure,
    });
    const listeners = [...this.#lostListeners];
    this.#lostListeners.clear();
    for (const listener of listeners) listener(this.#lostReason);
  }
}

function collect(stream: NodeJS.ReadableStream, tooMuch: (why: string) => void): () => string {
  const pieces: Buffer[] = [];
  let bytes = 0;
  stream.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > MAX_COMMAND_OUTPUT_BYTES) tooMuch(`it printed more than ${MAX_COMMAND_OUTPUT_BYTES} bytes`);
    else pieces.push(piece);
  });
  return () => Buffer.concat(pieces).toString('utf8');
}

/** ssh2 says where an error comes from in `level`. */
function connectError(
  settings: SshTargetSettings,
  error: Error & { level?: string; code?: string },
  gate: HostKeyGate,
): Error {
  if (gate.refusal !== undefined) return gate.refusal;
  if (error instanceof EventscopeError || error instanceof CancelledError) return error;
  const machine = `${settings.host}:${settings.port}`;
  if (error.level === 'client-authentication') {
    return new EventscopeError({
      id: 'ssh.authentication',
      what: `The test machine ${machine} did not let ${settings.user} in`,
      target: settings.name,
      why: error.message,
      next:
        `Add the public key to the authorized_keys of ${settings.user} there ` +
        '(for an administrator of Windows: C:\\ProgramData\\ssh\\administrators_authorized_keys)',
      cause: error,
    });
  }
  if (error.level === 'client-socket' || error.level === 'client-dns' || error.code !== undefined) {
    return new EventscopeError({
      id: 'ssh.unreachable',
      what: `The test machine ${machine} could not be reached`,
      target: settings.name,
      why: error.message,
      next: 'Check "host" and "port", that the machine is on, and that its sshd service runs',
      cause: error,
    });
  }
  return new EventscopeError({
    id: 'ssh.protocol',
    what: `No SSH session with ${machine}`,
    target: settings.name,
    why: error.message,
    next: 'Check that an SSH server of protocol 2 listens there',
    cause: error,
  });
}
