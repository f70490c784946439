// Python's three ways of formatting: "%s" % x, "{}".format(x), strftime.
#pragma once

#include <string>
#include <string_view>

#include "text/jinja_runtime.h"

namespace hearth::text::jinja {

// "%s and %05.1f" with args; "%(name)s" with a dict as the only argument or named ones.
Value format_percent(Runtime& rt, const MarkedText& format, const Args& args);

// "{} {0:>8} {name!r}" with args. Attributes and items of fields ("{0.x}") are refused.
Value format_braces(Runtime& rt, const MarkedText& format, const Args& args);

// As C's strftime in the C locale, with glibc's "%-d".
std::string format_time(std::string_view format, const CivilTime& time);

}  // namespace hearth::text::jinja
