import { build, type BuildResult } from '../../target/build.js';
import { ExitCode } from '../exit-code.js';
import { describeDiagnostics } from '../failure.js';
import type { Session } from '../session.js';

function describe(result: BuildResult): string {
  const files = [result.driver.sys, result.driver.pdb, result.application.exe, result.application.pdb].filter(
    (file) => file !== undefined,
  );
  const made = result.rebuilt.length === 0 ? 'Nothing had changed.' : `Built: ${result.rebuilt.join(', ')}`;
  return [made, ...files.map((file) => `  ${file}`)].join('\n');
}

/** `eventscope build` */
export async function buildCommand(session: Session): Promise<ExitCode> {
  const result = await build(await session.project(), session.operation);
  for (const line of describeDiagnostics(result.diagnostics)) session.terminal.note(line);
  session.print(result, () => describe(result));
  return ExitCode.Done;
}
