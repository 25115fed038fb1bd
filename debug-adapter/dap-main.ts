/**
 * `eventscope-dap`: the debug adapter for any editor that speaks DAP, over standard input and output. Standard output carries DAP alone;
 * what goes wrong in the adapter itself is told on standard error.
 */
import { DebugSession } from './session/debug-session.js';
import { frame, MessageReader } from './session/message-stream.js';
import { ProjectStarter } from './session/project-starter.js';

const complain = (text: string): void => void process.stderr.write(`eventscope-dap: ${text}\n`);

function main(): void {
  const session = new DebugSession({
    starter: new ProjectStarter(process.cwd()),
    send: (message) => void process.stdout.write(frame(message)),
    log: complain,
  });
  let ending: Promise<void> | undefined;
  const end = (exitCode: number): void => {
    ending ??= session.dispose().then(
      () => process.exit(exitCode),
      (error: unknown) => {
        complain(error instanceof Error ? (error.stack ?? error.message) : String(error));
        process.exit(1);
      },
    );
  };
  const reader = new MessageReader((message) => session.handleMessage(message));
  process.stdin.on('data', (data: Buffer) => {
    try {
      reader.push(data);
    } catch (error) {
      complain(`this is no DAP: ${error instanceof Error ? error.message : String(error)}`);
      end(2);
    }
  });
  // The client is gone, also in the middle of something: what we hold of the target is let go.
  process.stdin.on('end', () => end(0));
  process.stdout.on('error', () => end(0));
  process.on('SIGTERM', () => end(0));
  process.on('SIGINT', () => end(0));
}

main();
