#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Makes the C table of texts of the po files, one file a language, French first (enum hc_lang).
# Needs perl-base only. Fails, naming file and line, where a text is missing in a language, given
# twice, empty, differs in its placeholders or its English original, or is not UTF-8.
#
# Usage: gen-text.pl --output FILE.c FR.po EN.po
use strict;
use warnings;

my @problems;

sub problem {
	my ($file, $line, $text) = @_;
	push @problems, $line ? "$file:$line: $text" : "$file: $text";
}

# The text between the quotes of a po string; undef where it is malformed.
sub unquote {
	my ($quoted) = @_;
	return undef unless $quoted =~ /^"((?:[^"\\]|\\.)*)"\s*$/;
	my $text = $1;
	my %escapes = (n => "\n", t => "\t", '"' => '"', '\\' => '\\');
	my $bad = 0;
	$text =~ s/\\(.)/exists $escapes{$1} ? $escapes{$1} : do { $bad = 1; '' }/ge;
	return $bad ? undef : $text;
}

sub is_utf8 {
	my ($text) = @_;
	return utf8::decode(my $copy = $text);
}

# { context => { id, text, line } }
sub read_po {
	my ($file) = @_;
	my (%entries, $entry, $target);
	my $finish = sub {
		return unless $entry;
		my ($context, $id) = @$entry{qw(msgctxt msgid)};
		if (!defined $context) {
			problem($file, $entry->{line}, 'an entry without msgctxt') if !defined $id || $id ne '';
		} elsif (!defined $id || !defined $entry->{msgstr}) {
			problem($file, $entry->{line}, "$context: msgid or msgstr is missing");
		} elsif ($entries{$context}) {
			problem($file, $entry->{line},
				"$context: given twice, first in line $entries{$context}{line}");
		} else {
			$entries{$context} = { id => $id, text => $entry->{msgstr}, line => $entry->{line} };
		}
		$entry = undef;
	};

	open(my $in, '<', $file) or die "gen-text.pl: $file: $!\n";
	while (my $line = <$in>) {
		chomp $line;
		problem($file, $., 'not UTF-8') unless is_utf8($line);
		next if $line =~ /^\s*$/ || $line =~ /^#/;
		if ($line =~ /^(msgctxt|msgid|msgstr)\s+(".*)$/) {
			my ($keyword, $text) = ($1, unquote($2));
			$finish->() if $entry && ($keyword eq 'msgctxt' || exists $entry->{$keyword});
			$finish->() if $entry && $keyword eq 'msgid' && exists $entry->{msgstr};
			$entry ||= { line => $. };
			problem($file, $., 'malformed string') unless defined $text;
			$entry->{$keyword} = defined $text ? $text : '';
			$target = $keyword;
		} elsif ($line =~ /^(".*)$/ && $entry) {
			my $text = unquote($1);
			problem($file, $., 'malformed string') unless defined $text;
			$entry->{$target} .= defined $text ? $text : '';
		} else {
			problem($file, $., "cannot read \"$line\"");
		}
	}
	close($in);
	$finish->();
	return \%entries;
}

sub placeholders {
	my ($text) = @_;
	my %seen = map { $_ => 1 } $text =~ /\{(\d)\}/g;
	return join(' ', sort keys %seen);
}

sub check {
	my ($files, $tables) = @_;
	my ($fr, $en) = @$tables;
	for my $i (0, 1) {
		my ($file, $table, $other) = ($files->[$i], $tables->[$i], $tables->[1 - $i]);
		for my $name (sort keys %$table) {
			my $line = $table->{$name}{line};
			problem($file, $line, "$name: a name has letters, digits, '.', '_' and '-' only")
				unless $name =~ /^[A-Za-z0-9._-]{1,63}$/;
			problem($file, $line, "$name: the text is empty") if $table->{$name}{text} eq '';
			problem($file, $line, "$name: has no text in $files->[1 - $i]") unless $other->{$name};
		}
	}
	for my $name (grep { $fr->{$_} } sort keys %$en) {
		problem($files->[0], $fr->{$name}{line}, "$name: the msgid is not the one of $files->[1]")
			if $fr->{$name}{id} ne $en->{$name}{id};
		problem($files->[0], $fr->{$name}{line}, "$name: the placeholders differ from $files->[1]")
			if placeholders($fr->{$name}{text}) ne placeholders($en->{$name}{text});
	}
}

sub c_string {
	my ($text) = @_;
	$text =~ s/(["\\])/\\$1/g;
	# three octal digits always: a digit behind cannot be read as part of the escape
	$text =~ s/([^\x20-\x7e])/sprintf('\\%03o', ord($1))/ge;
	# no trigraphs
	$text =~ s/\?\?/?\\?/g;
	return "\"$text\"";
}

sub write_table {
	my ($out, $tables) = @_;
	my ($fr, $en) = @$tables;
	my $temporary = "$out.new";
	open(my $c, '>', $temporary) or die "gen-text.pl: $temporary: $!\n";
	# Offsets and no pointers: nothing to relocate, so a host that loads the module has none of it in memory
	# but the pages of the texts that it shows.
	my ($pool, $used, @rows) = ('', 0);
	my $put = sub {
		my ($text) = @_;
		my $at = $used;
		$pool .= "\n\t" . c_string($text) . ' "\\0"';
		$used += length($text) + 1;
		return $at;
	};
	for my $name (sort keys %$en) {
		push @rows, sprintf("\t{%u, {%u, %u}},\n", $put->($name), $put->($fr->{$name}{text}), $put->($en->{$name}{text}));
	}
	print $c "/* SPDX-License-Identifier: Apache-2.0 */\n",
		"/* Made by tools/gen-text.pl of po/: change the texts there. Sorted for bsearch(3). */\n",
		"#include \"text_table.h\"\n\nconst char hc_text_pool[] =$pool;\n\n",
		"const struct hc_text_entry hc_text_table[] = {\n", @rows,
		"};\n\nconst size_t hc_text_table_len = sizeof(hc_text_table) / sizeof(hc_text_table[0]);\n";
	close($c) or die "gen-text.pl: $temporary: $!\n";
	rename($temporary, $out) or die "gen-text.pl: $out: $!\n";
}

die "usage: gen-text.pl --output FILE.c FR.po EN.po\n" unless @ARGV == 4 && $ARGV[0] eq '--output';
my (undef, $out, @files) = @ARGV;
my @tables = map { read_po($_) } @files;
problem($files[1], 0, 'has no texts') unless %{ $tables[1] };
check(\@files, \@tables);
if (@problems) {
	print STDERR "$_\n" for @problems;
	exit 1;
}
write_table($out, \@tables);
