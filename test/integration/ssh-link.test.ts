/**
 * The ssh target without an agent: whom it talks to, what it refuses, and what happens to files when something breaks.
 * Against a real sshd.
 */
import assert from 'node:assert/strict';
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { CancelledError } from '../../protocol/errors.js';
import { SshConnection } from '../../target/ssh/connection.js';
import type { SshTargetSettings } from '../../target/ssh/settings.js';
import { SshTarget } from '../../target/ssh/target.js';
import { PART_SUFFIX } from '../../target/ssh/transfer.js';
import { failure, sshMachine, temporaryFolder, TestOperation } from './fixture.js';
import type { SshMachine } from './machines/ssh-machine.js';

const run = promisify(execFile);
const FOLDER = 'C:\\link-test';

/** Only root may, and not in every container; the file size limit below shows the same without. */
function canMount(): boolean {
  const probe = spawnSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
  return process.getuid?.() === 0 && probe.status === 0;
}

async function connectTo(settings: SshTargetSettings): Promise<void> {
  const connection = await SshConnection.open(settings);
  await connection.close();
}

describe('the ssh target and its machine', function () {
  this.timeout(60_000);
  let machine: SshMachine;
  let scratch: string;

  before('a machine that is on', async function () {
    this.timeout(180_000);
    machine = await sshMachine();
    scratch = await temporaryFolder('ssh-link');
  });

  describe('host keys', () => {
    let settings: SshTargetSettings;
    beforeEach(async () => {
      settings = { ...machine.settings, knownHosts: join(scratch, 'known_hosts') };
      await rm(settings.knownHosts, { force: true });
    });

    it('refuses an unknown one with its fingerprint; the command that it names makes it known', async () => {
      const error = await failure(connectTo(settings));
      assert.equal(error.id, 'ssh.hostKeyUnknown');
      const { stdout } = await run('ssh-keygen', ['-lf', join(machine.folder, 'host_key.pub')]);
      assert.ok(stdout.includes(String(error.data['fingerprint'])), stdout);
      assert.ok(error.message.includes(String(error.data['fingerprint'])));
      assert.ok(!existsSync(settings.knownHosts), 'nothing is accepted on its own');

      const command = /run: (ssh-keyscan .*)$/.exec(error.next ?? '')?.[1];
      assert.ok(command !== undefined, error.next);
      await run('sh', ['-c', command]);
      await connectTo(settings);
    });

    it('finds a name that ssh-keygen has hashed', async () => {
      await writeFile(settings.knownHosts, await readFile(machine.settings.knownHosts));
      await run('ssh-keygen', ['-q', '-H', '-f', settings.knownHosts]);
      assert.match(await readFile(settings.knownHosts, 'utf8'), /^\|1\|/);
      await connectTo(settings);
    });

    it('refuses a changed one loudly; the command that it names makes it unknown', async () => {
      await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(scratch, 'other')]);
      const other = await readFile(join(scratch, 'other.pub'), 'utf8');
      await writeFile(settings.knownHosts, `[127.0.0.1]:${settings.port} ${other}`);
      const error = await failure(connectTo(settings));
      assert.equal(error.id, 'ssh.hostKeyChanged');
      assert.match(error.message, /HAS CHANGED/);
      assert.ok(error.message.includes(String(error.data['expected'])));
      const command = /run: (ssh-keygen .*)$/.exec(error.next ?? '')?.[1];
      assert.ok(command !== undefined, error.next);
      await run('sh', ['-c', command]);
      assert.equal((await failure(connectTo(settings))).id, 'ssh.hostKeyUnknown');
    });

    it('refuses a revoked one, even when it is also known', async () => {
      const known = await readFile(machine.settings.knownHosts, 'utf8');
      await writeFile(settings.knownHosts, `${known}\n@revoked ${known}`);
      assert.equal((await failure(connectTo(settings))).id, 'ssh.hostKeyRevoked');
    });

    it('tells a machine that was exchanged from one that is off', async () => {
      await machine.changeHostKey();
      try {
        const health = await new SshTarget(machine.settings).health(new TestOperation());
        assert.equal(health.state, 'broken');
        assert.match(health.detail, /HAS CHANGED/);
      } finally {
        await machine.trustHostKey();
      }
      const off = new SshTarget({ ...machine.settings, port: 1 });
      assert.equal((await off.health(new TestOperation())).state, 'stopped');
      const unused = new SshTarget({ ...machine.settings, folder: 'C:\\unused' });
      assert.equal((await unused.health(new TestOperation())).state, 'missing');
    });
  });

  describe('connecting', () => {
    it('says who was not let in', async () => {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(scratch, 'stranger')]);
      const error = await failure(connectTo({ ...machine.settings, privateKey: join(scratch, 'stranger') }));
      assert.equal(error.id, 'ssh.authentication');
      assert.ok(error.message.includes(machine.settings.user));
    });

    it('says what is wrong with a private key', async () => {
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', 'secret', '-f', join(scratch, 'locked')]);
      const locked = await failure(connectTo({ ...machine.settings, privateKey: join(scratch, 'locked') }));
      assert.equal(locked.id, 'ssh.privateKey');
      assert.match(locked.message, /passphrase.*ssh-add/s);
      const missing = await failure(connectTo({ ...machine.settings, privateKey: join(scratch, 'none') }));
      assert.equal(missing.id, 'ssh.privateKey');
      const publicKey = join(scratch, 'locked.pub');
      assert.equal((await failure(connectTo({ ...machine.settings, privateKey: publicKey }))).id, 'ssh.privateKey');
    });

    it('lets in by an SSH agent', async () => {
      const { stdout } = await run('ssh-agent', ['-s']);
      const socket = /SSH_AUTH_SOCK=([^;]+)/.exec(stdout)?.[1] ?? '';
      const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(stdout)?.[1]);
      try {
        await run('ssh-add', ['-q', machine.settings.privateKey ?? ''], {
          env: { ...process.env, SSH_AUTH_SOCK: socket },
        });
        const settings: SshTargetSettings = { ...machine.settings, agent: socket };
        delete (settings as { privateKey?: string }).privateKey;
        await connectTo(settings);
      } finally {
        process.kill(pid);
      }
    });

    it('gives up on a server that says nothing, and on one that is cancelled', async () => {
      const sockets: { destroy(): void }[] = [];
      const silent = createServer((socket) => sockets.push(socket));
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
      try {
        const { port } = silent.address() as AddressInfo;
        const settings = { ...machine.settings, port };
        const error = await failure(SshConnection.open(settings, { timeoutMs: 300 }));
        assert.equal(error.id, 'ssh.timeout');
        const cancel = new AbortController();
        const opening = SshConnection.open(settings, { signal: cancel.signal });
        setTimeout(() => cancel.abort(), 50);
        await assert.rejects(opening, CancelledError);
      } finally {
        for (const socket of sockets) socket.destroy();
        await new Promise((resolve) => silent.close(resolve));
      }
      const off = await failure(connectTo({ ...machine.settings, port: 1 }));
      assert.equal(off.id, 'ssh.unreachable');
    });

    it('refuses a machine that is not Windows, and leaves nothing there', async () => {
      await machine.setShell('posix');
      try {
        const target = new SshTarget({ ...machine.settings, folder: FOLDER });
        assert.equal((await failure(target.start(new TestOperation()))).id, 'ssh.notWindows');
        assert.equal((await target.health(new TestOperation())).state, 'broken');
        assert.ok(!existsSync(machine.hostPath(FOLDER)));
      } finally {
        await machine.setShell('cmd');
      }
    });

    it('ends what waits when the link is cut, and says so', async () => {
      const connection = await SshConnection.open(machine.settings);
      const waiting = connection.run('ping -n 60 127.0.0.1');
      waiting.catch(() => undefined);
      machine.link.cut();
      machine.link.mend();
      const error = await failure(waiting);
      assert.equal(error.id, 'ssh.lost');
      // It stays lost: nothing reconnects on its own.
      assert.equal((await failure(connection.run('echo x'))).id, 'ssh.lost');
      assert.equal((await failure(connection.openSftp())).id, 'ssh.lost');
    });
  });

  describe("a folder that is not Eventscope's", () => {
    it('is neither used nor removed', async () => {
      const foreign = machine.hostPath('C:\\foreign');
      await mkdir(foreign);
      await writeFile(join(foreign, 'thesis.txt'), 'years of work');
      const target = new SshTarget({ ...machine.settings, folder: 'C:\\foreign' });
      assert.equal((await failure(target.start(new TestOperation()))).id, 'ssh.folderNotOurs');
      assert.equal((await failure(target.reset(new TestOperation()))).id, 'ssh.folderNotOurs');
      assert.deepEqual(await readdir(foreign), ['thesis.txt']);
    });
  });

  describe('files', () => {
    const remote = `${FOLDER}\\bin\\file.bin`;
    const old = Buffer.from('the old file');
    let target: SshTarget;
    let local: string;
    let content: Buffer;
    let onDisk: string;

    beforeEach(async () => {
      target = new SshTarget({ ...machine.settings, folder: FOLDER });
      local = join(scratch, 'file.bin');
      content = randomBytes(3 * 1024 * 1024 + 17);
      await writeFile(local, content);
      onDisk = machine.hostPath(remote);
      await rm(machine.hostPath(FOLDER), { recursive: true, force: true });
      await mkdir(machine.hostPath(`${FOLDER}\\bin`), { recursive: true });
      await writeFile(onDisk, old);
    });
    after(async () => {
      await rm(machine.hostPath(FOLDER), { recursive: true, force: true });
    });
    const names = (): Promise<string[]> => readdir(machine.hostPath(`${FOLDER}\\bin`));

    it('go there and back whole, replace the old one, and make the folders above', async () => {
      await target.upload(local, remote, new TestOperation());
      assert.deepEqual(await readFile(onDisk), content);
      assert.deepEqual(await names(), ['file.bin']);
      const back = join(scratch, 'back.bin');
      await target.download(remote, back, new TestOperation());
      assert.deepEqual(await readFile(back), content);

      const empty = join(scratch, 'empty');
      await writeFile(empty, '');
      await target.upload(empty, `${FOLDER}\\a\\b\\empty`, new TestOperation());
      assert.equal((await readFile(machine.hostPath(`${FOLDER}\\a\\b\\empty`))).length, 0);
    });

    it('stay old when the link is cut in the middle; the half one goes with the next upload', async () => {
      const cut = machine.link.cutAfter(1024 * 1024);
      const uploading = target.upload(local, remote, new TestOperation());
      uploading.catch(() => undefined);
      await cut;
      machine.link.mend();
      assert.equal((await failure(uploading)).id, 'ssh.lost');
      assert.deepEqual(await readFile(onDisk), old);
      await machine.sessionsEnded();

      const left = (await names()).filter((name) => name.endsWith(PART_SUFFIX));
      assert.equal(left.length, 1);
      // Whoever may still write to it is left alone: it goes when it is a minute old.
      const aMinuteAgo = new Date(Date.now() - 61_000);
      await utimes(join(machine.hostPath(`${FOLDER}\\bin`), left[0] ?? ''), aMinuteAgo, aMinuteAgo);
      await target.upload(local, remote, new TestOperation());
      assert.deepEqual(await readFile(onDisk), content);
      assert.deepEqual(await names(), ['file.bin']);
    });

    it('stay old when the upload is cancelled, and no half one is left', async () => {
      const operation = new TestOperation();
      const stopped = machine.link.notifyAfter(1024 * 1024);
      const uploading = target.upload(local, remote, operation);
      uploading.catch(() => undefined);
      await stopped;
      operation.cancel();
      await assert.rejects(uploading, CancelledError);
      assert.deepEqual(await readFile(onDisk), old);
      assert.deepEqual(await names(), ['file.bin']);
    });

    it('stay old when the machine takes no more bytes (a file size limit of the SFTP server)', async () => {
      await machine.limitFileSize(1024);
      try {
        const error = await failure(target.upload(local, remote, new TestOperation()));
        assert.equal(error.id, 'ssh.file');
        assert.match(error.message, /file\.bin/);
      } finally {
        await machine.limitFileSize(0);
      }
      assert.deepEqual(await readFile(onDisk), old);
      assert.deepEqual(await names(), ['file.bin']);
    });

    if (canMount()) {
      it('stay old when the disk of the machine is full (a small tmpfs)', async () => {
        const bin = machine.hostPath(`${FOLDER}\\bin`);
        await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', bin]);
        try {
          await writeFile(onDisk, old);
          const error = await failure(target.upload(local, remote, new TestOperation()));
          assert.equal(error.id, 'target.diskFull');
          assert.deepEqual(await readFile(onDisk), old);
          assert.deepEqual(await names(), ['file.bin']);
        } finally {
          await machine.sessionsEnded();
          await run('umount', [bin]);
        }
      });
    }

    it('that are missing are told by name, on either side', async () => {
      const error = await failure(target.download(`${FOLDER}\\none.bin`, join(scratch, 'x'), new TestOperation()));
      assert.equal(error.id, 'ssh.fileMissing');
      assert.match(error.message, /none\.bin/);
      assert.ok(!existsSync(join(scratch, 'x')));
      const here = await failure(target.upload(join(scratch, 'none'), remote, new TestOperation()));
      assert.equal(here.id, 'file.unreadable');
      assert.deepEqual(await readFile(onDisk), old);
    });
  });
});
