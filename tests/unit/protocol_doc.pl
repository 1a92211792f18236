#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# Goal: docs/PROTOCOL.broker.md says what the headers say: every type, field, reason, error and verdict
# with its number, and no number twice.
use strict;
use warnings;

my $root = shift or die "usage: protocol_doc.pl SOURCE_DIR\n";

sub slurp {
	my ($path) = @_;
	open(my $in, '<', "$root/$path") or die "$path: $!\n";
	local $/;
	return <$in>;
}

my $doc = slurp('docs/PROTOCOL.broker.md');
my ($msg, $err, $reason) = map { slurp("include/hospiconnect/$_.h") } qw(msg err reason);
my (%seen, $failures, $checked);

sub check {
	my ($what, $found) = @_;
	$checked++;
	return if $found;
	print "docs/PROTOCOL.broker.md: $what\n";
	$failures++;
}

while ($msg =~ /X\((\d+), (\w+), (\w+), (\d+)\)/g) {
	my ($id, $name, $kind, $max) = ($1, $2, $3, $4);
	my $form = $kind =~ /^U/ ? $kind : "$kind $max";
	next if $id == 120 || $id == 121; # these two share a row
	check("field $id $name $form", $doc =~ /\| $id \| $name \| $form \|/);
}
check('fields 120, 121', $doc =~ /\| 120, 121 \| NAME, VALUE \| TEXT 64, TEXT 512 \|/);

# Types: each name stands in a row whose numbers, in the same order or as a range, are the header's.
my %types = $msg =~ /HC_MSG_([A-Z_]+) = (\d+),?/g;
for my $name (sort keys %types) {
	my $found = 0;
	while ($doc =~ /^\| ([A-Z_, ]+) \| ([0-9, to]+) \|/mg) {
		my ($names, $numbers) = ($1, $2);
		my @names = split /, /, $names;
		my @numbers = $numbers =~ /^(\d+) to (\d+)$/ ? ($1 .. $2) : split(/, /, $numbers);
		for my $i (0 .. $#names) {
			$found = 1 if $names[$i] eq $name && ($numbers[$i] // '') eq $types{$name};
		}
	}
	check("type $types{$name} $name", $found);
}

while ($reason =~ /X\((\d+), (\w+)\)/g) {
	my ($code, $name) = ($1, $2);
	check("reason $code $name", $doc =~ /\b$code $name\b/);
	check("reason $code twice", !$seen{$code}++);
}

my ($errors) = $err =~ /enum hc_err \{(.*?)\}/s;
my $number = 0;
while ($errors =~ /\bHC_(?:ERR_)?([A-Z]+)( = 0)?,/g) {
	my $name = $1;
	check("error $number $name", $doc =~ /\| $number \| $name\b/);
	$number++;
}

my ($verdicts) = $err =~ /enum hc_verdict \{(.*?)\};/s;
while ($verdicts =~ /HC_(?:DENY_)?(\w+) = (\w+)/g) {
	my ($name, $value) = ($1, $2);
	check("verdict $name $value",
		$name eq 'EXEMPT' ? $doc =~ /$value, the module's own mark/ : $doc =~ /^\| $name \| $value \|/m);
}

die "nothing was compared\n" unless ($checked // 0) > 150;
print "$checked facts compared\n";
exit($failures ? 1 : 0);
