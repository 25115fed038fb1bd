/*
 * seeds.c - writes the seed corpus into a folder: one sequence for each way of sharing and each way of ending, so that the
 * fuzzer starts from inputs that get deep into the driver. Generated rather than stored: the bytes follow from
 * fuzz_ioctl.c's format.
 *
 *   seeds FOLDER
 *
 * SPDX-License-Identifier: MIT
 */
#include <stdio.h>
#include <string.h>

enum { /* operations of fuzz_ioctl.c */
    Open = 0,
    CreateObject = 1,
    Control = 2,
    Close = 6,
    Kill = 7,
    Cancel = 8,
    Other = 9,
    Scribble = 10,
    Wait = 11,
    ArmFault = 14,
    RegisterBuffer = 15
};

static unsigned char bytes[4096];
static size_t used;

static void Put(int value) { bytes[used++] = (unsigned char)value; }
static void Put32(unsigned value)
{
    for (int i = 0; i < 4; i++) {
        Put((int)(value >> 8 * i & 0xFF));
    }
}

/* App 0 as administrator on its first use (`fresh`), file 0. */
static void PutApp(int fresh)
{
    Put(0);
    if (fresh) {
        Put(1);
    }
}

static void PutOpen(void) { Put(Open); PutApp(1); Put(0); Put(0); }
static void PutEvent(int kind) { Put(CreateObject); PutApp(0); Put(kind); }

/* A request with its right size: head is filled in by the target; `words` follow it. */
static void PutControl(int index, int mode, const unsigned *words, int count, int body)
{
    Put(Control);
    PutApp(0);
    Put(0);
    Put(index);
    Put(mode);
    Put32(0);
    Put32(0);
    for (int i = 0; i < count; i++) {
        Put32(words[i]);
    }
    for (int i = 8 + 4 * count; i < body; i++) {
        Put(0);
    }
}

static void PutPatch(int how, int at) { Put(how); Put(at); }

static int Write(const char *folder, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(bytes, 1, used, file) != used || fclose(file) != 0) {
        perror(path);
        return 0;
    }
    return 1;
}

static void Begin(int options)
{
    used = 0;
    Put(options);
    PutOpen();
    PutEvent(0);
}

static void Register(void) { PutControl(2, 16, NULL, 0, 16); PutPatch(1, 8); }

static void End(int how)
{
    Put(Wait);
    Put(20);
    Put(how);
    PutApp(0);
    if (how == Close) {
        Put(1);
    }
}

int main(int argc, char **argv)
{
    const char *folder = argc == 2 ? argv[1] : NULL;
    int good = folder != NULL;
    for (int options = 0; good && options < 2; options++) { /* Windows, Wine */
        char name[64];
        for (int method = 0; method < 12; method++) {
            Begin(options);
            Register();
            switch (method) {
            case 0: PutControl(7, 16, (unsigned[]){0, 1, 0, 0}, 4, 24); PutPatch(0, 8); break;       /* set */
            case 1: PutControl(8, 16, (unsigned[]){1, 0, 0, 0, 100, 1, 5, 0}, 8, 40); PutPatch(0, 12); break; /* DPC */
            case 2: PutControl(8, 16, (unsigned[]){2, 0, 0, 0, 100, 1, 5, 0}, 8, 40); PutPatch(0, 12); break; /* worker */
            case 3: PutControl(10, 0, (unsigned[]){7, 0}, 2, 16); PutControl(11, 0, (unsigned[]){7, 0, 1, 0}, 4, 24); break;
            case 4: PutControl(4, 0, (unsigned[]){1, 0, 0x100000, 0}, 4, 24); break;
            case 5: PutControl(5, 32, (unsigned[]){1, 0, 0, 0}, 4, 40); Put(0); break;
            case 8: PutControl(7, 16, (unsigned[]){0, 2, 0, 0}, 4, 24); PutPatch(0, 8); break;       /* reset */
            case 9: PutControl(7, 16, (unsigned[]){0, 3, 0, 0}, 4, 24); PutPatch(0, 8); break;       /* clear */
            case 11: /* scheduled, cancelled (the second id), unregistered (the first) */
                PutControl(8, 16, (unsigned[]){1, 0, 0, 0, 100000, 1, 5, 0}, 8, 40); PutPatch(0, 12);
                PutControl(9, 16, NULL, 0, 16); PutPatch(2, 8);
                PutControl(3, 16, NULL, 0, 16); PutPatch(0, 8);
                break;
            case 10: /* named a, then opened by that name: strictly, and by the other classic call */
                PutEvent(1 << 6);
                PutControl(5, 32, (unsigned[]){2, 0, 0, 0}, 4, 40); Put(0);
                PutControl(5, 32, (unsigned[]){1, 1, 0, 0}, 4, 40); Put(1);
                break;
            case 6: PutControl(6, 32, (unsigned[]){0, 0, 0, 0}, 4, 40); Put(1); break;
            default: PutControl(10, 0, (unsigned[]){9, 0}, 2, 16); Put(Cancel); PutApp(0); Put(0); Put(0); break;
            }
            PutControl(1, 0, NULL, 0, 8); /* state */
            End(method % 2 ? Kill : Close);
            snprintf(name, sizeof name, "method%d-%d", method, options);
            good = good && Write(folder, name);
        }
        /* A shared buffer: section, work and done are handles 1, 2 and 3. */
        Begin(options);
        PutEvent(7 | 8 << 3);
        PutEvent(1);
        PutEvent(1);
        Put(RegisterBuffer); PutApp(0); Put(0); Put(1); Put(4);
        Put(Scribble); PutApp(0); Put(1 | 16);
        Put32(1); Put32(48); Put32(5); Put32(0); Put32(1); Put32(16);
        for (int i = 0; i < 24; i++) {
            Put(0);
        }
        PutControl(13, 16, NULL, 0, 16); PutPatch(0, 8);
        End(Kill);
        snprintf(name, sizeof name, "buffer-%d", options);
        good = good && Write(folder, name);
        /* Trace: start, signal, query, drain, stop. */
        Begin(options);
        Register();
        PutControl(15, 0, NULL, 0, 8);
        PutControl(7, 16, (unsigned[]){0, 1, 0, 0}, 4, 24); PutPatch(0, 8);
        PutControl(14, 0, NULL, 0, 0);
        PutControl(17, 0, NULL, 0, 0);
        PutControl(16, 0, NULL, 0, 0);
        End(Close);
        snprintf(name, sizeof name, "trace-%d", options);
        good = good && Write(folder, name);
    }
    return good ? 0 : 1;
}
