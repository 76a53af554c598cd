/*
 * Preloaded, it makes a process and its children see an x86 processor with AVX2 alone, at full speed: cpuid faults (arch_prctl
 * ARCH_SET_CPUID, Linux on Intel), and is answered without AVX-512, VNNI and AMX; /proc/cpuinfo has the same words left out.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define ARCH_SET_CPUID 0x1012
#define BIT(n) (1u << (n))

static int (*real_sigaction)(int, const struct sigaction *, struct sigaction *);
/* What the program itself wants to be told of; a JVM lives by its SIGSEGV handler. */
static struct sigaction theirs = {.sa_handler = SIG_DFL};

static long allow_cpuid(long on) { return syscall(SYS_arch_prctl, ARCH_SET_CPUID, on); }

static void answer(greg_t *r) {
  uint32_t leaf = r[REG_RAX], sub = r[REG_RCX], a, b, c, d;
  allow_cpuid(1);
  __asm__ volatile("cpuid" : "=a"(a), "=b"(b), "=c"(c), "=d"(d) : "a"(leaf), "c"(sub));
  allow_cpuid(0);
  if (leaf == 7 && sub == 0) {
    b &= ~(BIT(16) | BIT(17) | BIT(21) | BIT(26) | BIT(27) | BIT(28) | BIT(30) | BIT(31)); /* AVX-512 F DQ IFMA PF ER CD BW VL */
    c &= ~(BIT(1) | BIT(6) | BIT(8) | BIT(11) | BIT(12) | BIT(14));                        /* VBMI VBMI2 GFNI VNNI BITALG VPOPCNTDQ */
    d &= ~(BIT(2) | BIT(3) | BIT(8) | BIT(22) | BIT(23) | BIT(24) | BIT(25));              /* 4VNNIW 4FMAPS VP2INTERSECT AMX FP16 */
  } else if (leaf == 7 && sub == 1) {
    a &= ~(BIT(4) | BIT(5) | BIT(21) | BIT(23)); /* AVX-VNNI BF16 AMX-FP16 AVX-IFMA */
    d &= ~(BIT(4) | BIT(5) | BIT(10) | BIT(19)); /* VNNI-INT8 NE-CONVERT VNNI-INT16 AVX10 */
  } else if (leaf == 0xd && sub == 0) {
    a &= 7; /* state of x87, SSE, AVX */
  } else if (leaf == 0x24) {
    a = b = c = d = 0; /* AVX10 */
  }
  r[REG_RAX] = a; r[REG_RBX] = b; r[REG_RCX] = c; r[REG_RDX] = d;
  r[REG_RIP] += 2;
}

static void on_fault(int signal, siginfo_t *info, void *context) {
  greg_t *r = ((ucontext_t *) context)->uc_mcontext.gregs;
  const unsigned char *at = (const unsigned char *) r[REG_RIP];
  if (info->si_code == SI_KERNEL && at[0] == 0x0f && at[1] == 0xa2) {
    int before = errno;
    answer(r);
    errno = before;
  } else if (theirs.sa_flags & SA_SIGINFO) {
    theirs.sa_sigaction(signal, info, context);
  } else if (theirs.sa_handler != SIG_DFL && theirs.sa_handler != SIG_IGN) {
    theirs.sa_handler(signal);
  } else {
    struct sigaction plain = {.sa_handler = SIG_DFL};
    real_sigaction(SIGSEGV, &plain, NULL);
  }
}

static void install(void) {
  struct sigaction ours = theirs;
  ours.sa_flags = (ours.sa_flags & ~SA_RESETHAND) | SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
  ours.sa_sigaction = on_fault;
  real_sigaction(SIGSEGV, &ours, NULL);
}

static void find_real(void) {
  if (!real_sigaction) real_sigaction = dlsym(RTLD_NEXT, "sigaction");
}

int sigaction(int signal, const struct sigaction *wanted, struct sigaction *before) {
  find_real();
  if (signal != SIGSEGV) return real_sigaction(signal, wanted, before);
  if (before) *before = theirs;
  if (wanted) { theirs = *wanted; install(); }
  return 0;
}

__attribute__((constructor)) static void start(void) {
  find_real();
  install();
  if (allow_cpuid(0) != 0) {
    fputs("without-vnni: this kernel or processor cannot hide instructions (no cpuid faulting)\n", stderr);
    _exit(125);
  }
}

static int hidden(const char *word) {
  return !strncmp(word, "avx512", 6) || !strcmp(word, "avx_vnni") || !strncmp(word, "amx_", 4) || !strcmp(word, "gfni");
}

/* A file in memory with what the processor tells, hidden words left out. */
static int cpuinfo(void) {
  FILE *from = fdopen(syscall(SYS_openat, AT_FDCWD, "/proc/cpuinfo", O_RDONLY | O_CLOEXEC, 0), "r");
  int to = memfd_create("cpuinfo", MFD_CLOEXEC);
  char *line = NULL, *rest, *word;
  size_t room = 0;
  while (from && getline(&line, &room, from) > 0) {
    if (strncmp(line, "flags", 5)) { dprintf(to, "%s", line); continue; }
    for (word = strtok_r(line, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) if (!hidden(word)) dprintf(to, "%s ", word);
    dprintf(to, "\n");
  }
  free(line);
  if (from) fclose(from);
  lseek(to, 0, SEEK_SET);
  return to;
}

static int opened(int folder, const char *path, int flags, mode_t mode) {
  return path && !strcmp(path, "/proc/cpuinfo") ? cpuinfo() : syscall(SYS_openat, folder, path, flags, mode);
}

#define MODE mode_t mode = 0; if (flags & (O_CREAT | __O_TMPFILE)) { va_list l; va_start(l, flags); mode = va_arg(l, int); va_end(l); }
int open(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE return opened(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE return opened(folder, path, flags | O_LARGEFILE, mode); }
