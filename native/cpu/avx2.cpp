#include "huisclos/kernels.h"
