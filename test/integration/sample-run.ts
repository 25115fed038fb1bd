/** The sample on a target of the tests: deployed once, run with everything that is known of a run. */
import assert from 'node:assert/strict';
import type { AgentClient } from '../../target/agent-client.js';
import { build, type BuildResult } from '../../target/build.js';
import { deploy } from '../../target/deploy.js';
import type { Project } from '../../target/project.js';
import type { RunResult } from '../../target/run.js';
import type { Target } from '../../target/target.js';
import { buildModel, type TraceModel } from '../../trace/model/model.js';
import { traceRun } from '../../target/traced-run.js';
import { agentBundle, type MachineName, sampleProject, startedTarget, TestOperation } from './fixture.js';
import { type ApplicationFact, type DriverFact, readApplicationLog, readDriverLog } from './oracle.js';

export interface Sample {
  readonly target: Target;
  readonly project: Project;
  readonly client: AgentClient;
}

export interface SampleRun {
  readonly result: RunResult;
  readonly model: TraceModel;
  readonly application: readonly ApplicationFact[];
  readonly driver: readonly DriverFact[];
}

let built: Promise<BuildResult> | undefined;

/** Built once for all suites. */
export async function buildSample(): Promise<BuildResult> {
  const project = await sampleProject();
  return await (built ??= build(project, new TestOperation()));
}

let builtWithFaults: Promise<BuildResult> | undefined;

/** The driver with what it does wrong on request. */
export async function buildFaultySample(): Promise<BuildResult> {
  const project = await sampleProject();
  return await (builtWithFaults ??= build(project, new TestOperation(), {
    variant: { name: 'faults', driverDefines: { EVENTSYS_TEST_FAULTS: '1' } },
  }));
}

/** Connects an agent of the caller's own, and deploys the sample. The caller closes the client. */
export async function deploySample(machine: MachineName): Promise<Sample> {
  await agentBundle();
  const project = await sampleProject();
  const sample = await buildSample();
  const target = await startedTarget(machine);
  const client = await target.connect(new TestOperation());
  try {
    await deploy(target, client, project, sample, new TestOperation());
  } catch (error) {
    await client.close();
    throw error;
  }
  return { target, project, client };
}

/** Runs the application; its log comes by its standard output. Nothing may be lost in either ring. */
export async function runSample(sample: Sample, args: readonly string[], exitCode = 0): Promise<SampleRun> {
  const { result, recording } = await traceRun(sample, { arguments: args }, {}, new TestOperation());
  assert.equal(result.exitCode, exitCode, `eventapp ${args.join(' ')} said: ${result.standardError}`);
  assert.equal(result.dbgPrintUnavailable, undefined);
  for (const total of result.totals) {
    assert.equal(total.error, undefined);
    assert.equal(total.lost, 0n, `records of source ${total.source} were lost`);
    assert.ok(total.slots > 0n, `source ${total.source} recorded nothing`);
  }
  return {
    result,
    model: buildModel(recording),
    application: readApplicationLog(result.standardOutput),
    driver: readDriverLog(result.dbgPrint.map(({ text }) => text)),
  };
}
