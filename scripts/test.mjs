/**
 * Every test, with what it needs: sets the machine up, then runs the stages one after the other. The last line is
 * "N passed, N failed" (", N skipped" when some were); the exit code is 0 when all that ran passed and something ran.
 * A stage's full output is kept in out/test/STAGE.log.
 *
 *   node scripts/test.mjs [STAGE...]
 */
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { runScript, say, setup, SetupError } from './setup.mjs';
import { runStage } from './test-stage.mjs';
import { STAGES } from './test-stages.mjs';

const ROOT = path.dirname(import.meta.dirname);
const CORPUS = path.resolve(ROOT, '..', 'shared', 'corpus');

function chosenStages(names) {
  const unknown = names.filter((name) => !STAGES.some((stage) => stage.name === name));
  if (unknown.length > 0) {
    throw new SetupError(`No stage named ${unknown.join(', ')}: ${STAGES.map((stage) => stage.name).join(', ')}`);
  }
  return names.length === 0 ? STAGES : STAGES.filter((stage) => names.includes(stage.name));
}

await runScript(async (names) => {
  const stages = chosenStages(names);
  try {
    await setup('test');
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    say(error.message);
    process.stdout.write('0 passed, 1 failed\n');
    return 1;
  }
  const logFolder = path.join(ROOT, 'out', 'test');
  mkdirSync(logFolder, { recursive: true });

  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const stage of stages) {
    const result = await runStage(stage, { root: ROOT, logFolder, environment: { EVENTSCOPE_CORPUS: CORPUS } });
    for (const key of Object.keys(total)) total[key] += result[key];
  }
  if (!existsSync(CORPUS)) {
    say(
      'The shared corpus is not beside this folder (../shared/corpus): tests that read it are left out (symbols of real PDBs, recorded kernels).',
    );
  }
  const left = STAGES.filter((stage) => !stages.includes(stage)).map((stage) => stage.name);
  if (left.length > 0) say(`Left out: ${left.join(', ')} (not asked for)`);
  const skipped = total.skipped > 0 ? `, ${total.skipped} skipped` : '';
  process.stdout.write(`${total.passed} passed, ${total.failed} failed${skipped}\n`);
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
});
