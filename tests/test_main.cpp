// Every test program's main. Compiled once: it is the slow part of Boost.Test, and the name of the module
// would keep the test files from sharing a precompiled header.
#define BOOST_TEST_MODULE understudy
#include <boost/test/unit_test.hpp>
