# AWS's runtime client, compiled from the sources of awslambdaric as they are. client_build.py gives CC and CXX.
#
#   make -f client.mk libraries                                       in the sources' directory: what no Python is in
#   make -f client.mk module INCLUDE=DIR SOURCES=DIR MODULE=FILE      the extension module for one Python
#
# libcurl gets what AWS's own wheel has of it: HTTP and no library. The wheel lacks -O2 and -DNDEBUG: it has libcurl
# describe each step of each call to a function that throws it away.

CURL := $(basename $(basename $(wildcard deps/curl-*.tar.gz)))
LAMBDA := $(basename $(basename $(wildcard deps/aws-lambda-cpp-*.tar.gz)))
VERSION = $(patsubst deps/aws-lambda-cpp-%,%,$(LAMBDA))
PART = $(word $(1),$(subst ., ,$(VERSION)))
CXXFLAGS = -std=c++11 -O2 -DNDEBUG -fPIC

PROTOCOLS = dict file ftp gopher imap ldap ldaps mqtt pop3 rtsp smb smtp telnet tftp
LIBRARIES = brotli gssapi libgsasl libidn2 libpsl librtmp nghttp2 nghttp3 ngtcp2 ssl zlib zstd

libraries: include libcurl.a logging.o runtime.o version.o

include: | $(CURL) $(LAMBDA)
	mkdir $@
	cp -R $(LAMBDA)/include/aws $(CURL)/include/curl $@

libcurl.a: $(CURL)/lib/Makefile
	$(MAKE) -C $(CURL)/lib libcurl.la
	cp $(CURL)/lib/.libs/libcurl.a $@

$(CURL)/lib/Makefile: | $(CURL)
	cd $(CURL) && ./configure --disable-shared --disable-dependency-tracking --disable-manual --with-pic \
	  $(PROTOCOLS:%=--disable-%) $(LIBRARIES:%=--without-%) CC='$(CC)' CFLAGS='-std=gnu11 -O2'

logging.o runtime.o: %.o: | $(CURL) $(LAMBDA)
	$(CXX) $(CXXFLAGS) -fno-exceptions -fno-rtti -fvisibility=hidden -fvisibility-inlines-hidden \
	  -I $(LAMBDA)/include -I $(CURL)/include -c $(LAMBDA)/src/$*.cpp -o $@

version.o: | $(LAMBDA)
	sed -e 's/@PROJECT_VERSION@/$(VERSION)/' -e 's/@PROJECT_VERSION_MAJOR@/$(call PART,1)/' \
	  -e 's/@PROJECT_VERSION_MINOR@/$(call PART,2)/' -e 's/@PROJECT_VERSION_PATCH@/$(call PART,3)/' \
	  $(LAMBDA)/src/version.cpp.in > version.cpp
	$(CXX) $(CXXFLAGS) -fvisibility=hidden -c version.cpp -o $@

$(CURL) $(LAMBDA):
	tar -xzf $@.tar.gz -C deps --no-same-owner

module:
	$(CXX) $(CXXFLAGS) -shared -pthread -I '$(INCLUDE)' -I '$(SOURCES)/include' '$(SOURCES)/runtime_client.cpp' \
	  '$(SOURCES)'/*.o '$(SOURCES)/libcurl.a' -o '$(MODULE)'

.PHONY: libraries module
.DELETE_ON_ERROR:
