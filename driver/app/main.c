/*
 * main.c - the command table, the options, and the way in.
 *
 * SPDX-License-Identifier: MIT
 */
#include "eventapp.h"

#include <shellapi.h>
#include <stdio.h>
#include <stdlib.h>
#include <wchar.h>

/* ---- commands --------------------------------------------------------------------------------------------------- */

typedef struct APP_COMMAND {
    PCWSTR Name;
    PCSTR Summary;
    ULONG DefaultCount; /* of --count; 0 = the command has no --count */
    APP_RUN *Run;
    PCSTR Options; /* the options that it takes beside the common ones, as the option table names them */
} APP_COMMAND;

static const APP_COMMAND AppCommands[] = {
    {L"app-handle", "1: our event's handle goes to the driver, which signals it", 3, AppRunAppHandle, "--count --type --period"},
    {L"driver-handle", "2: the driver's event comes to us as a handle", 3, AppRunDriverHandle, "--count --type --period"},
    {L"app-name", "3: we create a named event, the driver opens it by name (--classic or --strict)", 3, AppRunAppName,
     "--count --type --name --classic --strict --period"},
    {L"driver-name", "4: the driver creates a named event that an ordinary user may open", 3, AppRunDriverName,
     "--count --type --name --period"},
    {L"inverted-call", "5: pended requests, each completed as one notification with data", 3, AppRunInvertedCall,
     "--count --period"},
    {L"shared-buffer", "6: a buffer with two events: we signal 'work', the driver works and signals 'done'", 5,
     AppRunSharedBuffer, "--count"},
    {L"signals", "7: signals from a timer DPC, a worker thread, a completed request, and by hand", 3, AppRunSignals,
     "--count --type --from --period"},
    {L"stress", "many events, many threads; every signal accounted for", 0, AppRunStress, "--events --threads --signals"},
    {L"wrong-name", "pitfall: a mistyped name silently makes a second event (strict opening refuses)", 0,
     AppRunWrongName, ""},
    {L"wrong-namespace", "pitfall: no Global\\ prefix, so application and driver hold two events of one name", 0,
     AppRunWrongNamespace, ""},
    {L"leak", "pitfall: ends without unregistering or closing anything; the driver must clean up", 8, AppRunLeak,
     "--count"},
    {L"slow-reset", "pitfall: resetting after the work wipes the signal that came meanwhile", 5, AppRunSlowReset,
     "--count"},
    {L"state", "prints the driver's own state", 0, AppRunState, ""},
    {L"bad-ioctls", "malformed requests at the driver, then a good one that proves it alive", 500, AppRunBadIoctls,
     "--seed --count"},
};

/* ---- options ---------------------------------------------------------------------------------------------------- */

typedef enum APP_OPTION_KIND { OptionNumber, OptionText, OptionFlag, OptionType, OptionFrom } APP_OPTION_KIND;

typedef struct APP_OPTION {
    PCSTR Name;
    PCSTR Help;
    APP_OPTION_KIND Kind;
    size_t Offset; /* of the value in APP_OPTIONS */
    ULONG Minimum;
    ULONG Maximum;
    BOOL Common;
} APP_OPTION;

#define AT(field) offsetof(APP_OPTIONS, field)

static const APP_OPTION AppOptionTable[] = {
    {"--log", "FILE      write the log (JSON lines) there, not to standard output", OptionText, AT(LogPath), 0, 0, TRUE},
    {"--timeout", "MS    bound of every wait, default 10000", OptionNumber, AT(TimeoutMs), 1, 600000, TRUE},
    {"--count", "N       how often, or how many", OptionNumber, AT(Count), 1, 1000000, FALSE},
    {"--type", "TYPE     notification or synchronization (manual or auto reset)", OptionType, 0, 0, 0, FALSE},
    {"--name", "NAME     leaf name of the event, instead of one made for this run", OptionText, AT(Name), 0, 0, FALSE},
    {"--classic", "      let the driver open by IoCreateNotificationEvent (creates what it does not find)", OptionFlag,
     AT(Classic), 0, 0, FALSE},
    {"--strict", "       let the driver open by ZwOpenEvent (refuses what it does not find); the default", OptionFlag,
     AT(Strict), 0, 0, FALSE},
    {"--from", "WHERE    dpc, worker, irp, hand or all (default)", OptionFrom, 0, 0, 0, FALSE},
    {"--period", "MS     time between two signals, default 100", OptionNumber, AT(PeriodMs), 1, 10000, FALSE},
    {"--events", "N      events at once, default 32", OptionNumber, AT(Events), 1, 1024, FALSE},
    {"--threads", "N     threads on our side, default 4", OptionNumber, AT(Threads), 1, 32, FALSE},
    {"--signals", "N     signals of each event, default 20", OptionNumber, AT(Signals), 1, 10000, FALSE},
    {"--seed", "N        of the random requests, default 1", OptionNumber, AT(Seed), 0, 0xFFFFFFFF, FALSE},
};

static VOID PrintHelp(VOID)
{
    AppSay("eventapp - shares events with the driver eventsys, one command per way\n\n"
           "usage: eventapp COMMAND [options]\n\ncommands:");
    for (size_t index = 0; index < RTL_NUMBER_OF(AppCommands); index++) {
        AppSay("  %-16ls %s", AppCommands[index].Name, AppCommands[index].Summary);
    }
    AppSay("\noptions:");
    for (size_t index = 0; index < RTL_NUMBER_OF(AppOptionTable); index++) {
        AppSay("  %s %s", AppOptionTable[index].Name, AppOptionTable[index].Help);
    }
    AppSay("\nexit codes:\n"
           "  0 as promised (a pitfall: the mistake showed)   2 usage   3 driver not there or refuses\n"
           "  4 a call failed   5 a signal did not come in time   6 answered, but not as promised\n"
           "  7 driver and application of different versions   8 the log has a hole");
}

static APP_EXIT UsageError(_In_z_ PCSTR Text, _In_opt_ PCWSTR Value)
{
    AppSay("eventapp: %s%s%ls%s. Run 'eventapp --help'.", Text, Value != NULL ? " '" : "", Value != NULL ? Value : L"",
           Value != NULL ? "'" : "");
    return AppExitUsage;
}

static BOOL SameText(_In_z_ PCWSTR Wide, _In_z_ PCSTR Narrow)
{
    while (*Wide != L'\0' && *Wide == (WCHAR)(unsigned char)*Narrow) {
        Wide++;
        Narrow++;
    }
    return *Wide == L'\0' && *Narrow == '\0';
}

/* Whether the option's name is one of the words of List. */
static BOOL TakesOption(_In_z_ PCSTR List, _In_z_ PCSTR Name)
{
    const size_t length = strlen(Name);

    for (PCSTR at = strstr(List, Name); at != NULL; at = strstr(at + 1, Name)) {
        if ((at == List || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0')) {
            return TRUE;
        }
    }
    return FALSE;
}

static BOOL ParseNumber(_In_z_ PCWSTR Text, ULONG Minimum, ULONG Maximum, _Out_ ULONG *Value)
{
    ULONGLONG number = 0;

    *Value = 0;
    if (*Text == L'\0' || wcslen(Text) > 10) {
        return FALSE;
    }
    for (; *Text != L'\0'; Text++) {
        if (*Text < L'0' || *Text > L'9') {
            return FALSE;
        }
        number = number * 10 + (ULONGLONG)(*Text - L'0');
    }
    if (number < Minimum || number > Maximum) {
        return FALSE;
    }
    *Value = (ULONG)number;
    return TRUE;
}

static BOOL ParseFrom(_In_z_ PCWSTR Text, _Out_ APP_FROM *From)
{
    static const struct {
        PCSTR Name;
        APP_FROM From;
    } places[] = {
        {"all", AppFromAll}, {"dpc", AppFromDpc}, {"worker", AppFromWorker}, {"irp", AppFromIrp}, {"hand", AppFromHand},
    };

    *From = AppFromAll;
    for (size_t index = 0; index < RTL_NUMBER_OF(places); index++) {
        if (SameText(Text, places[index].Name)) {
            *From = places[index].From;
            return TRUE;
        }
    }
    return FALSE;
}

/* Takes one option with its value (NULL at the line's end); FALSE when the value is wrong. */
static BOOL TakeOption(_In_ const APP_OPTION *Option, _In_opt_ PCWSTR Value, _Inout_ APP_OPTIONS *Options)
{
    PVOID field = (PUCHAR)Options + Option->Offset;

    if (Option->Kind == OptionFlag) {
        *(BOOL *)field = TRUE;
        return TRUE;
    }
    if (Value == NULL) {
        return FALSE;
    }
    switch (Option->Kind) {
    case OptionNumber:
        return ParseNumber(Value, Option->Minimum, Option->Maximum, field);
    case OptionText:
        *(PCWSTR *)field = Value;
        return *Value != L'\0' && wcslen(Value) < 200;
    case OptionType:
        Options->Synchronization = SameText(Value, "synchronization");
        Options->TypeGiven = TRUE;
        return Options->Synchronization || SameText(Value, "notification");
    case OptionFrom:
        return ParseFrom(Value, &Options->From);
    default:
        return FALSE;
    }
}

static APP_EXIT ParseOptions(int Count, _In_reads_(Count) PWSTR *Arguments, _In_ const APP_COMMAND *Command,
                             _Inout_ APP_OPTIONS *Options)
{
    for (int at = 0; at < Count; at++) {
        const APP_OPTION *option = NULL;

        for (size_t index = 0; index < RTL_NUMBER_OF(AppOptionTable) && option == NULL; index++) {
            if (SameText(Arguments[at], AppOptionTable[index].Name)) {
                option = &AppOptionTable[index];
            }
        }
        if (option == NULL) {
            return UsageError("Unknown option", Arguments[at]);
        }
        if (!option->Common && !TakesOption(Command->Options, option->Name)) {
            return UsageError("This command does not take", Arguments[at]);
        }
        if (!TakeOption(option, at + 1 < Count ? Arguments[at + 1] : NULL, Options)) {
            return UsageError("Missing or wrong value of", Arguments[at]);
        }
        at += option->Kind == OptionFlag ? 0 : 1;
    }
    if (Options->Classic && Options->Strict) {
        return UsageError("--classic and --strict exclude each other", NULL);
    }
    return AppExitOk;
}

/* ---- the way in ------------------------------------------------------------------------------------------------- */

static APP_EXIT RunCommand(_In_ const APP_COMMAND *Command, _In_ const APP_OPTIONS *Options)
{
    LARGE_INTEGER frequency;
    APP_EXIT exit = AppLogOpen(Options->LogPath);

    if (exit != AppExitOk) {
        return exit;
    }
    QueryPerformanceFrequency(&frequency);
    AppLog(AppFactNote, "eventapp", NULL, STATUS_SUCCESS, "command=%ls pid=%lu qpcFrequency=%lld timeoutMs=%lu",
           Command->Name, (unsigned long)GetCurrentProcessId(), frequency.QuadPart, (unsigned long)Options->TimeoutMs);
    AppNameThread(L"eventapp main");
    exit = Command->Run(Options);
    AppLog(AppFactNote, "exit", NULL, STATUS_SUCCESS, "code=%d", (int)exit);
    exit = AppLogClose(exit);
    AppSay("eventapp: %ls: %s", Command->Name, exit == AppExitOk ? "as promised" : "failed");
    return exit;
}

static APP_EXIT Main(int Count, _In_reads_(Count) PWSTR *Arguments)
{
    APP_OPTIONS options = {.TimeoutMs = 10000, .PeriodMs = 100, .Events = 32, .Threads = 4, .Signals = 20, .Seed = 1};
    APP_EXIT exit;

    if (Count < 2 || SameText(Arguments[1], "--help") || SameText(Arguments[1], "help")) {
        PrintHelp();
        return Count < 2 ? AppExitUsage : AppExitOk;
    }
    for (size_t index = 0; index < RTL_NUMBER_OF(AppCommands); index++) {
        const APP_COMMAND *command = &AppCommands[index];
        if (wcscmp(Arguments[1], command->Name) == 0) {
            options.Count = command->DefaultCount;
            exit = ParseOptions(Count - 2, Arguments + 2, command, &options);
            return exit == AppExitOk ? RunCommand(command, &options) : exit;
        }
    }
    return UsageError("Unknown command", Arguments[1]);
}

/* main, not wmain: mingw-w64 links wmain only with an option of its own, and the wide arguments are there anyway. */
int main(void)
{
    int count = 0;
    PWSTR *arguments = CommandLineToArgvW(GetCommandLineW(), &count);
    APP_EXIT exit;

    if (arguments == NULL) {
        return (int)AppFail(AppExitCallFailed, AppLastStatus(), "Start it from a command prompt",
                       "The command line cannot be read");
    }
    exit = Main(count, arguments);
    LocalFree(arguments);
    return (int)exit;
}
