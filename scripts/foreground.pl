#!/usr/bin/perl
# foreground.pl COMMAND [ARGUMENT ...]: runs a command as the foreground job of the terminal.
#
# Ctrl-C goes to every process of the foreground job. make would end with exit code 130 then, however well the command ends. As a
# job of its own the command gets the signal alone, and its exit code is that of make. Without a terminal it is just run.
use strict;
use warnings;
use Errno qw(EINTR);
use POSIX qw(getpgrp setpgid tcgetpgrp tcsetpgrp WUNTRACED WIFSTOPPED WIFEXITED WEXITSTATUS WTERMSIG);

my $handle;
my $tty = -t STDIN && open($handle, '+<', '/dev/tty') ? fileno $handle : undef;
if (!defined $tty || tcgetpgrp($tty) != getpgrp()) { exec { $ARGV[0] } @ARGV or die "$ARGV[0]: $!\n" }

my $child = fork() // die "fork: $!\n";
# A job in the background would be stopped when it takes the terminal.
$SIG{TTOU} = 'IGNORE';
if ($child == 0) {
    setpgid(0, 0);
    tcsetpgrp($tty, $$);
    $SIG{TTOU} = 'DEFAULT';
    exec { $ARGV[0] } @ARGV or die "$ARGV[0]: $!\n";
}
setpgid($child, $child);
for my $signal (qw(TERM HUP INT QUIT)) {
    $SIG{$signal} = sub { kill $signal, $child };
}
for (;;) {
    if (waitpid($child, WUNTRACED) == -1) { next if $! == EINTR; last }
    last unless WIFSTOPPED($?);
    # Ctrl-Z: the whole job of make stops too, and continues together.
    tcsetpgrp($tty, getpgrp());
    kill 'STOP', 0;
    tcsetpgrp($tty, $child) if tcgetpgrp($tty) == getpgrp();
    kill 'CONT', -$child;
}
my $status = $?;
tcsetpgrp($tty, getpgrp());
exit(WIFEXITED($status) ? WEXITSTATUS($status) : 128 + WTERMSIG($status));
