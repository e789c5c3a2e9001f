# The demo's generator: the same seed gives the same bytes, NHS numbers are
# valid and never issued apart from those spoilt on purpose, what is planted is
# what the truth files say, and the files have the fields that the catalogue
# says they have, so that the demo cannot drift from the extension.

use strict;
use warnings;

use Digest::SHA;
use File::Basename qw(dirname);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $generator = dirname(__FILE__) . '/../../demo/generate_extract';
my $seed_1 = PostgreSQL::Test::Utils::tempdir;
my $again = PostgreSQL::Test::Utils::tempdir;
my $seed_2 = PostgreSQL::Test::Utils::tempdir;

sub run_generator
{
	my ($directory, @options) = @_;
	my ($out, $err);
	my $ok = IPC::Run::run([ $^X, $generator, @options, $directory ],
		'>', \$out, '2>', \$err);
	return ($ok, $err);
}

sub digest_of
{
	my ($directory) = @_;
	my $digest = Digest::SHA->new(256);
	for my $file (sort glob "$directory/*.*sv")
	{
		$digest->add((split m{/}, $file)[-1], "\n");
		$digest->addfile($file);
	}
	return $digest->hexdigest;
}

sub rows_of
{
	my ($file) = @_;
	open my $in, '<', $file or die "$file: $!";
	chomp(my @lines = <$in>);
	my $separator = $file =~ /psv$/ ? qr/\|/ : qr/,/;
	my @names = split $separator, shift @lines;
	return (\@names, map { my %row; @row{@names} = split $separator, $_, -1; \%row } @lines);
}

# --------------------------------------------------------- the same every time

my ($ok, $err) = run_generator($seed_1, '--people', 600, '--seed', 1);
ok($ok, 'the generator runs');
is($err, '', 'and says nothing on standard error');
run_generator($again, '--people', 600, '--seed', 1);
run_generator($seed_2, '--people', 600, '--seed', 2);
is(digest_of($again), digest_of($seed_1), 'the same seed gives the same files');
isnt(digest_of($seed_2), digest_of($seed_1), 'another seed gives others');
is(digest_of($seed_1),
	'3db15fdbf564014aea967227c1566458a5682c7424d2d3991347246194eb3c99',
	'the files of seed 1 are the ones they were on every machine so far');

my ($bad) = run_generator("$seed_1/none", '--people', 0);
ok(!$bad, 'no people is refused');
($bad) = run_generator("$seed_1/none", '--people', 600, 'two', 'directories');
ok(!$bad, 'two directories are refused');

# ------------------------------------------------------------------ NHS numbers

sub is_valid
{
	my ($number) = @_;
	return 0 unless $number =~ /^\d{10}$/;
	my @digits = split //, $number;
	my $sum = 0;
	$sum += $digits[$_] * (10 - $_) for 0 .. 8;
	return (11 - $sum % 11) % 11 == $digits[9];
}

my (undef, @people) = rows_of("$seed_1/truth_person.csv");
my %number_of = map { $_->{person} => $_->{nhs_number} } @people;
cmp_ok(scalar @people, '>=', 600, 'as many people as asked for');
is(scalar(grep { $_->{nhs_number} !~ /^999/ || !is_valid($_->{nhs_number}) } @people),
	0, 'every person has a valid number in the 999 range');
my %seen;
is(scalar(grep { $seen{ $_->{nhs_number} }++ } @people), 0, 'and nobody has another\'s');

my (undef, @errors) = rows_of("$seed_1/truth_error.csv");
my %planted;
$planted{ $_->{dataset} }{ $_->{row} }{ $_->{error} } = 1 for @errors;
my (undef, @records) = rows_of("$seed_1/truth_record.csv");
my %person_of;
$person_of{ $_->{dataset} }{ $_->{row} } = $_->{person} for @records;

my %column = (
	map({ $_ => 'newnhsno' } qw(apc_episode op_attendance ed_attendance)),
	map({ $_ => 'nhs_number' }
		qw(gp_registration gp_event gp_prescription community_contact social_care_event death)));
my (%header, %count);
for my $file (sort glob "$seed_1/*.*sv")
{
	my ($dataset) = $file =~ m{/(\w+)\.[cp]sv$};
	next unless $column{$dataset};
	my ($names, @rows) = rows_of($file);
	$header{$dataset} = join ',', @$names;
	my $wrong = 0;
	for my $row (1 .. @rows)
	{
		(my $number = $rows[ $row - 1 ]{ $column{$dataset} }) =~ tr/ //d;
		my $errors = $planted{$dataset}{$row} // {};
		my $own = $number_of{ $person_of{$dataset}{$row} };
		$wrong++
		  unless $errors->{nhs_number_missing} ? $number eq ''
		  : $errors->{nhs_number_invalid} ? $number ne $own && $number =~ /^999/ && !is_valid($number)
		  : $number eq $own;
	}
	is($wrong, 0, "$dataset: every NHS number is its person's, missing or spoilt where planted");
	$count{$dataset} = @rows;
}
is(scalar(keys %header), 9, 'nine datasets are written');

# ------------------------------------------------------------- what is planted

my %kinds = map { $_->{error} => 1 } @errors;
is(join(' ', sort keys %kinds),
	'bad_code changed_duplicate date_of_birth_wrong day_month_swapped duplicate impossible_date mandatory_missing nhs_number_invalid nhs_number_missing old_postcode sex_wrong',
	'every kind of error is planted');
my %born_at;
push @{ $born_at{"$_->{date_of_birth} $_->{postcode}"} }, $_ for @people;
cmp_ok(scalar(grep { @$_ > 1 } values %born_at), '>', 0, 'there are twins');

my (undef, @events) = rows_of("$seed_1/gp_event.csv");
my %objects = map { $_->{code} => 1 } grep { $_->{code} =~ /^(9Nu[0145]\.|XaZ89|XaZ8A|XaaV[LM])$/ } @events;
cmp_ok(scalar(keys %objects), '>', 2, 'objections are coded in GP events');

# ------------------------------------------------ the fields of the catalogue

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'caredata'");
$node->start;
$node->safe_psql('postgres',
	'CREATE EXTENSION caredata; SELECT caredata.create_care_database();');
for my $dataset (sort keys %header)
{
	is($header{$dataset},
		$node->safe_psql('postgres',
			"SELECT string_agg(column_name, ',' ORDER BY position) FROM caredata.dataset_column WHERE dataset = '$dataset'"),
		"$dataset: the file has the catalogue's fields in the catalogue's order");
}
$node->stop;

done_testing();
